/** What the pages' code is run with, in a process of its own: ways to the stack, a model, and what comments promise. */
import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import { MockLanguageModelV4 } from "ai/test";
import assert from "node:assert/strict";
import { date } from "../support/dates.ts";
import { connect, reachDeadline } from "../support/rows.ts";
import { eventually } from "../support/settle.ts";

export { assert, createClient, reachDeadline };

const given = (name: string) => Deno.env.get(name) ?? "";
export const url = given("API_URL");
export const publishableKey = given("PUBLISHABLE_KEY");
export const service = createClient(url, given("SECRET_KEY"), { auth: { persistSession: false } });
export const sql = connect({ databaseUrl: given("DB_URL") });

/** The text of the last result: what the comment behind a run says. */
export function shows(
  answer: { readonly execution: { readonly results: readonly Record<string, unknown>[] } },
  text: string,
) {
  assert.equal(answer.execution.results.at(-1)?.text, text);
}

/** That an answer, or its first row, has these fields. */
export function has({ data, error }: { readonly data: unknown; readonly error: unknown }, fields: readonly string[]) {
  assert.equal(error, null);
  const one: unknown = Array.isArray(data) ? data[0] : data;
  assert(one instanceof Object);
  for (const field of fields) assert(field in one, `${field} is not in ${JSON.stringify(one)}`);
}

/** Has something in the ledger of a tenant. */
export async function runFor(service: SupabaseClient, tenant_id: string): Promise<void> {
  const path = { tenant_id, conversation_id: crypto.randomUUID(), path_id: "main" };
  const { error } = await service.functions.invoke("execute-code", { body: { ...path, code: "1" } });
  assert.equal(error, null);
  await eventually("it is in the ledger", async () => {
    const usage = await service.rpc("copilot_execution_usage", {
      p_from: date(-1),
      p_to: date(1),
      p_tenant_id: tenant_id,
    });
    return usage.data?.length > 0;
  });
}

/** A model that runs the code, and then says what came of it. */
export function mockModel(code: string): MockLanguageModelV4 {
  const usage = {
    inputTokens: { total: 0, noCache: 0, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 0, text: 0, reasoning: 0 },
  };
  const call = { type: "tool-call" as const, toolCallId: "1", toolName: "run_code", input: JSON.stringify({ code }) };
  return new MockLanguageModelV4({
    doGenerate: ({ prompt }) => {
      const last = prompt.at(-1);
      const said = last?.role === "tool" ? /"text":"(.*?)"/.exec(JSON.stringify(last.content))?.[1] : undefined;
      return Promise.resolve({
        content: said === undefined ? [call] : [{ type: "text", text: `It is ${said}.` }],
        finishReason: { unified: said === undefined ? "tool-calls" : "stop", raw: undefined },
        usage,
        warnings: [],
      });
    },
  });
}
