/** A caller who goes away stops the run: the kernel is free for the next one, with its variables. */
import assert from "node:assert/strict";
import { request } from "node:http";
import type { SupabaseClient } from "@supabase/supabase-js";
import { invoke, newPath, user } from "../support/clients.ts";
import { stream } from "../support/event_stream.ts";
import { at, useFaultyStack } from "../support/faulty_stack.ts";
import { endless, stubborn } from "../support/programs.ts";
import { eventually } from "../support/settle.ts";

const faulty = useFaultyStack();

async function statuses(contextId: string): Promise<string[]> {
  const rows = await faulty.sql`
    select status from copilot_internal.executions where context_id = ${contextId} order by started_at`;
  return rows.map(({ status }) => status);
}

/** A call by Node's client: Deno's fetch, when it is aborted, does not always close the connection. */
async function plainCall(client: SupabaseClient, body: unknown): Promise<{ hangUp(): Promise<void> }> {
  const { data: { session } } = await client.auth.getSession();
  const outgoing = request(`${faulty.stack.apiUrl}/functions/v1/execute-code`, {
    method: "POST",
    headers: { authorization: `Bearer ${session?.access_token}`, "content-type": "application/json" },
  });
  const closed = new Promise<void>((resolve) => outgoing.on("close", resolve));
  outgoing.on("error", () => {});
  outgoing.end(JSON.stringify(body));
  return {
    hangUp: async () => {
      outgoing.destroy();
      await closed;
    },
  };
}

/** That nothing runs any more, and what ran before is still known. */
async function assertFree(client: SupabaseClient, path: Record<string, string>): Promise<void> {
  const { execution } = await invoke(client, "execute-code", { ...path, code: "kept, n > 0", timeout_ms: 10_000 });
  assert.equal(execution.results[0]?.text, "('yes', True)", JSON.stringify(execution));
}

Deno.test("a stream whose reader leaves", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const { context } = await invoke(client, "execute-code", { ...path, code: "kept = 'yes'" });
  const events = await stream(client, { ...path, code: endless });
  await events.until("stdout");
  await events.cancel();
  await assertFree(client, path);
  await eventually("the ledger says so", async () => (await statuses(context.id))[1] === "cancelled");
});

Deno.test("a stream that is aborted", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  await invoke(client, "execute-code", { ...path, code: "kept = 'yes'" });
  const abort = new AbortController();
  const events = await stream(client, { ...path, code: endless }, { signal: abort.signal });
  await events.until("stdout");
  abort.abort();
  await assert.rejects(events.rest());
  await assertFree(client, path);
});

Deno.test("a call without a stream whose caller hangs up", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const { context } = await invoke(client, "execute-code", { ...path, code: "kept = 'yes'" });
  const call = await plainCall(client, { ...path, code: endless });
  await eventually("it runs", async () => (await statuses(context.id))[1] === "running");
  await call.hangUp();
  await assertFree(client, path);
});

Deno.test("a caller who leaves before the sandbox is there: nothing runs", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const held = faulty.proxy.intercept(at.create, { kind: "hold" });
  const call = await plainCall(client, { ...path, code: "ran = 1" });
  await held.hit;
  await call.hangUp();
  // What comes later by the same way is seen later.
  await invoke(client, "terminate-context", newPath());
  held.release();
  const next = await invoke(client, "execute-code", { ...path, code: "'ran' in globals()" });
  assert.equal(next.execution.results[0].text, "False");
  assert.equal(next.execution.execution_count, 1);
});

Deno.test("code that does not yield loses its kernel, and the next caller is told", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  await invoke(client, "execute-code", { ...path, code: "kept = 'yes'" });
  const events = await stream(client, { ...path, code: stubborn });
  await events.until("stdout");
  await events.cancel();
  const next = await invoke(client, "execute-code", { ...path, code: "'kept' in globals()" });
  assert.equal(next.execution.results[0].text, "False");
  const after = await invoke(client, "acquire-context", path);
  assert.equal(after.previous?.termination_reason, "kernel_restarted");
});

Deno.test("a run with an idempotency key goes on: its caller means to come back", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  await invoke(client, "execute-code", { ...path, code: "import time\nruns = 0" });
  const body = {
    ...path,
    code: "print('begun', flush=True)\ntime.sleep(1)\nruns += 1\nruns",
    idempotency_key: path.conversation_id,
  };
  const events = await stream(client, body);
  await events.until("stdout");
  await events.cancel();
  const repeat = await invoke(client, "execute-code", body);
  assert.equal(repeat.replayed, true);
  assert.equal(repeat.execution.status, "ok");
  assert.equal(repeat.execution.results[0].text, "1");
});
