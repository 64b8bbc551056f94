/** docs/openapi.json is what the contract makes of it, and what the endpoints answer is in it. */
import type { SupabaseClient } from "@supabase/supabase-js";
import assert from "node:assert/strict";
import type * as z from "zod/mini";
import { idSchema } from "../../supabase/functions/_shared/contract/path.ts";
import { isErrorCode, KINDS } from "../../supabase/functions/_shared/errors.ts";
import { newPath, service, user } from "../support/clients.ts";
import { stream } from "../support/event_stream.ts";
import { useStack } from "../support/stack.ts";
import * as answers from "./openapi/answers.ts";
import { DOCUMENT, openApi } from "./openapi/document.ts";
import { ERRORS } from "./openapi/errors.ts";
import { ID_CHARACTERS } from "./openapi/schemas.ts";
import { isDocumented, takes } from "./openapi/validate.ts";
import { ROOT } from "./pages.ts";

const local = useStack();

type Headers = Record<string, string>;
const asUser = async (client: SupabaseClient): Promise<Headers> => {
  const { data: { session } } = await client.auth.getSession();
  return { Authorization: `Bearer ${session?.access_token}` };
};
const asService = (): Headers => ({ apikey: local.stack.secretKey });

/** Calls by plain HTTP. Fails unless the answer is in the document, and has no field that the contract has not. */
async function call(
  operation: string,
  headers: Headers,
  body: Record<string, unknown> | undefined,
  schema: z.ZodMiniType,
): Promise<{ status: number; code: unknown }> {
  if (body) assert(takes(operation, body), `the document does not take ${JSON.stringify(body)} for ${operation}`);
  const [method, path] = operation.split(" ");
  const response = await fetch(`${local.stack.apiUrl}/functions/v1${path}`, {
    method: method.toUpperCase(),
    headers: { ...headers, "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });
  const answer = await response.json();
  isDocumented(operation, response.status, "application/json", answer);
  assert.deepEqual(schema.parse(answer), answer);
  return { status: response.status, code: answer.code };
}

Deno.test("the committed document is what the command makes", async () => {
  assert.equal(await Deno.readTextFile(DOCUMENT), openApi(), "run `npx -y deno task openapi`");
});

Deno.test("what users are answered is in it", async () => {
  const client = await user(local.stack);
  const headers = await asUser(client);
  const path = newPath();
  const run = async (more: Record<string, unknown>, schema: z.ZodMiniType = answers.executeResponseSchema) =>
    await call("post /execute-code", headers, { ...path, ...more }, schema);
  await call("post /acquire-context", headers, path, answers.acquireResponseSchema);
  const all = { envs: { A: "1" }, files: [{ path: "in.txt", content: "1" }], outputs: ["in.txt", "none"] };
  await run({ ...all, code: "1 / 0", idempotency_key: "once", timeout_ms: 20_000 });
  await run({ ...all, code: "1 / 0", idempotency_key: "once", timeout_ms: 20_000 });
  const branch = { path_id: "branch", from_path_id: path.path_id };
  await call("post /acquire-context", headers, { ...path, ...branch }, answers.acquireResponseSchema);
  // Not before: what its kernel has cannot be copied to a branch here.
  await run({ code: "print(1)", language: "javascript", ttl_seconds: 60 });

  const expects = crypto.randomUUID();
  await call("post /acquire-context", headers, { ...path, expects }, answers.acquireResponseSchema);
  const refusals = [
    await run({ code: "1", expects, on_loss: "refuse" }, answers.errorSchema),
    await run({ code: " " }, answers.errorSchema),
    await run({ code: "2", idempotency_key: "once" }, answers.errorSchema),
    await run({ code: "1", tenant_id: "another" }, answers.errorSchema),
    await call("post /terminate-context", headers, { due: true }, answers.errorSchema),
    await call("get /terminate-context", headers, undefined, answers.errorSchema),
    await call("post /acquire-context", {}, path, answers.errorSchema),
  ];
  assert.deepEqual(refusals.map(({ status, code }) => `${status} ${code}`), [
    "409 state_lost",
    "400 invalid_request",
    "409 idempotency_key_reused",
    "403 forbidden_tenant",
    "403 forbidden",
    "403 forbidden",
    "401 MISSING_CREDENTIALS",
  ]);
  await call("post /terminate-context", headers, { ...path, executions: true }, answers.stopResponseSchema);
  await call("post /terminate-context", headers, path, answers.terminateResponseSchema);
});

Deno.test("what services are answered is in it", async () => {
  const path = { ...newPath(), tenant_id: "acme", user_id: "alice" };
  await call("post /acquire-context", asService(), path, answers.acquireResponseSchema);
  const { status } = await call("get /terminate-context", asService(), undefined, answers.healthSchema);
  assert.equal(status, 503, "nobody has swept");
  await call("post /terminate-context", asService(), { due: true }, answers.sweepResponseSchema);
  const { status: swept } = await call("get /terminate-context", asService(), undefined, answers.healthSchema);
  assert.equal(swept, 200);
  const metrics = await service(local.stack).functions.invoke("terminate-context", {
    method: "GET",
    headers: { Accept: "text/plain" },
  });
  isDocumented("get /terminate-context", 200, "text/plain", metrics.data);
  await call("post /terminate-context", asService(), { tenant_id: "acme", all: true }, answers.terminateResponseSchema);
});

Deno.test("what a stream tells is in it", async () => {
  const code = "print(1)\nimport sys\nprint(2, file=sys.stderr)\ndisplay(3)\n1 / 0";
  const client = await user(local.stack);
  const events = await (await stream(client, { ...newPath(), code })).rest();
  assert.deepEqual([...new Set(events.map(({ event }) => event))].sort(), [
    "context",
    "end",
    "error",
    "result",
    "stderr",
    "stdout",
  ]);
  for (const event of events) {
    isDocumented("post /execute-code", 200, "text/event-stream", event);
    assert.deepEqual(answers.eventSchema.parse(event), event);
  }
});

Deno.test("what is no request is none in it", () => {
  const path = { conversation_id: "chat-7", path_id: "main" };
  for (
    const body of [{ path_id: "main" }, { ...path, more: 1 }, { ...path, ttl_seconds: 0 }, { ...path, path_id: "" }]
  ) {
    assert(!takes("post /acquire-context", body), JSON.stringify(body));
  }
  assert(!takes("post /execute-code", path));
  assert(!takes("post /execute-code", { ...path, code: "1", language: "cobol" }));
  assert(!takes("post /terminate-context", { due: false }));
  const longest = "a".repeat(ID_CHARACTERS);
  assert.deepEqual([longest, `${longest}a`].map((id) => idSchema.safeParse(id).success), [true, false]);
  assert.deepEqual([longest, `${longest}a`].map((id) => takes("post /acquire-context", { ...path, path_id: id })), [
    true,
    false,
  ]);
});

Deno.test("each error is one of a function, and stands in docs/api.md with its status", async () => {
  const page = await Deno.readTextFile(new URL("docs/api.md", ROOT));
  const rows = [...page.matchAll(/^\| (`.*?`.*?) +\| ([\d, ]+?) +\|/gm)];
  const told = new Map(rows.flatMap(([, codes, statuses]) => {
    const all = statuses.split(", ");
    return [...codes.matchAll(/`(\w+)`/g)].map(([, code], index) => [code, Number(all[index] ?? all[0])] as const);
  }));
  const possible = new Set<string>(Object.values(ERRORS).flat());
  for (const [code, { status, retryable }] of Object.entries(KINDS)) {
    assert(possible.has(code), `no function answers ${code}`);
    assert.equal(told.get(code), status, code);
    const [, loops = ""] = /That holds for ([^]*?), and for no other/.exec(page) ?? [];
    assert.equal(loops.includes(`\`${code}\``), retryable, code);
  }
  for (const code of told.keys()) assert(isErrorCode(code) || code === code.toUpperCase(), `there is no ${code}`);
});
