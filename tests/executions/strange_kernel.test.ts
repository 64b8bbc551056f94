/** Whatever has taken a kernel's place says what no kernel says: the run has its answer, its row and its kept answer. */
import assert from "node:assert/strict";
import { invoke, newPath, user } from "../support/clients.ts";
import { stream } from "../support/event_stream.ts";
import { at, quick, useFaultyStack } from "../support/faulty_stack.ts";
import { endsNoted } from "../support/settle.ts";

const faulty = useFaultyStack();

const begun = '{"type":"number_of_executions","execution_count":1}';
const end = '{"type":"end_of_execution"}';

/** Lets the next run be answered by these lines. */
function say(...lines: string[]): void {
  faulty.proxy.intercept(at.execute, { kind: "answer", status: 200, text: `${lines.join("\n")}\n` });
}

async function row(conversationId: string) {
  await endsNoted(faulty.sql, { conversation_id: conversationId });
  const [found] = await faulty.sql<{ status: string; execution_count: number | null }[]>`
    select status, execution_count from copilot_internal.executions
    where conversation_id = ${conversationId} and status is not null`;
  return found;
}

Deno.test("results nested deeper than anybody writes them are left out, and counted", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const depth = 200_000;
  const lines = [
    begun,
    `{"type":"result","json":${"[".repeat(depth)}${"]".repeat(depth)}}`,
    `{"type":"result","json":${'{"a":'.repeat(depth)}1${"}".repeat(depth)}}`,
    `{"type":"result","json":[[["kept"]]],"is_main_result":true}`,
    end,
  ];
  const body = { ...path, ...quick, code: "1", idempotency_key: crypto.randomUUID() };
  say(...lines);
  const first = await invoke(client, "execute-code", body);
  assert.equal(first.execution.status, "ok");
  assert.deepEqual(first.execution.results, [{ json: [[["kept"]]], is_main_result: true }]);
  assert.deepEqual(first.execution.truncated, { stdout: 0, stderr: 0, results: 2 });
  const repeat = await invoke(client, "execute-code", body);
  assert.deepEqual([repeat.replayed, repeat.execution], [true, first.execution]);
  assert.equal((await row(path.conversation_id)).status, "ok");

  say(...lines);
  const events = await (await stream(client, { ...path, ...quick, code: "1" })).rest();
  assert.equal(events.filter(({ event }) => event === "result").length, 1);
  assert.equal(events.at(-1)?.event, "end");
});

Deno.test("results of more values than anybody shows are left out, each or together, and counted", async () => {
  const client = await user(faulty.stack);
  const list = (values: number) => `{"type":"result","json":[${Array(values).fill("[]").join()}]}`;
  say(begun, list(60_000), list(200_000), list(60_000), list(60_000), '{"type":"result","text":"last"}', end);
  const { execution } = await invoke(client, "execute-code", { ...newPath(), ...quick, code: "1" });
  assert.equal(execution.status, "ok");
  // Each list in the list is two values: itself, and as much as it may hold.
  assert.deepEqual(
    execution.results.map(({ json, text }) => Array.isArray(json) ? json.length : text),
    [60_000, 60_000, "last"],
  );
  assert.deepEqual(execution.truncated, { stdout: 0, stderr: 0, results: 2 });
});

for (const count of ["2147483648", "-1", "1e300", "1.5", '"one"', "null"]) {
  Deno.test(`an execution count of ${count} counts as none, and the run is noted`, async () => {
    const client = await user(faulty.stack);
    const path = newPath();
    say(`{"type":"number_of_executions","execution_count":${count}}`, end);
    const body = { ...path, ...quick, code: "1", idempotency_key: crypto.randomUUID() };
    const { execution } = await invoke(client, "execute-code", body);
    assert.deepEqual([execution.status, execution.execution_count], ["ok", null]);
    assert.deepEqual(await row(path.conversation_id), { status: "ok", execution_count: null });
    assert.equal((await invoke(client, "execute-code", body)).replayed, true);
  });
}
