/** A caller who goes away stops the run: the kernel is free for the next one, with its variables. */
import assert from "node:assert/strict";
import { invoke, newPath, stop, user } from "../support/clients.ts";
import { stream } from "../support/event_stream.ts";
import { at, quick, useFaultyStack } from "../support/faulty_stack.ts";
import { needing } from "../support/needs.ts";
import { type Notebook, useNotebook } from "../support/notebook.ts";
import { callers } from "../support/plain_call.ts";
import { endless, stubborn } from "../support/programs.ts";
import { eventually } from "../support/settle.ts";
import { testedRuntime } from "../support/stack.ts";

/** A function there hears that its caller has left when it has written twice in vain: a plain call's never does. */
const hearsLate = testedRuntime() === "edge";
/** How long the next run waits for the kernel, in milliseconds; less than what the one before it may take. */
const PATIENCE = hearsLate ? 45_000 : 10_000;

const faulty = useFaultyStack();

const open = useNotebook(faulty);

/** How the path's last runs ended, the newest first; `running` while they have not. */
async function statuses({ conversation_id }: ReturnType<typeof newPath>): Promise<string[]> {
  const rows = await faulty.sql`
    select e.status from copilot_internal.executions e
    join copilot_internal.execution_contexts c on c.id = e.context_id
    where c.conversation_id = ${conversation_id} order by e.started_at desc limit 2`;
  return rows.map(({ status }) => status);
}

/** That nothing runs any more, what ran before is still known, and the ledger says how the run ended. */
async function assertFree({ path, run }: Notebook): Promise<void> {
  const execution = await run("kept, n > 0", { timeout_ms: PATIENCE });
  assert.equal(execution.results[0]?.text, "('yes', True)", JSON.stringify(execution));
  await eventually("the ledger says so", async () => (await statuses(path))[1] === "cancelled");
}

Deno.test("a stream whose reader leaves", async () => {
  const notebook = await open();
  await notebook.run("kept = 'yes'");
  const events = await stream(notebook.client, { ...notebook.path, code: endless });
  await events.until("stdout");
  await events.cancel();
  await assertFree(notebook);
});

Deno.test("a stream that is aborted", async () => {
  const notebook = await open();
  await notebook.run("kept = 'yes'");
  const abort = new AbortController();
  const events = await stream(notebook.client, { ...notebook.path, code: endless }, { signal: abort.signal });
  await events.until("stdout");
  abort.abort();
  await assert.rejects(events.rest());
  await assertFree(notebook);
});

const { test: onNode } = await needing("Node.js");

for (const [how, begin] of Object.entries(callers)) {
  const test = how === "aborts Node's fetch" ? onNode : Deno.test;
  test(`a call without a stream whose caller ${how}`, async () => {
    const notebook = await open();
    await notebook.run("kept = 'yes'");
    await using call = await begin(faulty.stack.apiUrl, notebook.client, { ...notebook.path, code: endless });
    await eventually("it runs", async () => (await statuses(notebook.path))[0] === "running");
    await call.leave();
    if (hearsLate) assert.equal(await stop(notebook.client, notebook.path), 1);
    await assertFree(notebook);
  });
}

Deno.test("a caller who leaves before the sandbox is there: nothing runs, where that is heard of", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const held = faulty.proxy.intercept(at.create, { kind: "hold" });
  const call = await callers["hangs up"](faulty.stack.apiUrl, client, { ...path, ...quick, code: "var ran = 1" });
  await held.reached();
  await call.leave();
  // What comes later by the same way is seen later.
  await invoke(client, "terminate-context", newPath());
  held.release();
  const next = await invoke(client, "execute-code", { ...path, ...quick, code: "'ran' in globalThis" });
  assert.equal(next.execution.results[0].text, hearsLate ? "true" : "false");
  assert.equal(next.execution.execution_count, hearsLate ? 2 : 1);
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
  await invoke(client, "execute-code", { ...path, ...quick, code: "var runs = 0" });
  const body = {
    ...path,
    ...quick,
    code: "console.log('begun'); await new Promise((resolve) => setTimeout(resolve, 1_000)); runs += 1; runs",
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
