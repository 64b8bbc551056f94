/** `state_id`, `expects`, `lost`: a caller that keeps no notes knows whether its variables are there. */
import { Sandbox } from "@e2b/code-interpreter";
import assert from "node:assert/strict";
import type { SupabaseClient } from "@supabase/supabase-js";
import { invoke, newPath, refused, stop, user } from "../support/clients.ts";
import { stream } from "../support/event_stream.ts";
import { at, quick, useFaultyStack } from "../support/faulty_stack.ts";
import { growOld } from "../support/rows.ts";

const faulty = useFaultyStack();

const crash = "Deno.exit(1)";

interface Book {
  readonly client: SupabaseClient;
  readonly path: ReturnType<typeof newPath>;
  readonly state: string;
  run(code: string, more?: Record<string, unknown>): ReturnType<typeof invoke<"execute-code">>;
  refuse(code: string, more?: Record<string, unknown>): ReturnType<typeof refused>;
}

/** A path with a variable, `kept`, and what its state is called. */
async function open(): Promise<Book> {
  const client = await user(faulty.stack);
  const path = newPath();
  const run: Book["run"] = (code, more) => invoke(client, "execute-code", { ...path, ...quick, code, ...more });
  const refuse: Book["refuse"] = (code, more) =>
    refused(client, "execute-code", { ...path, ...quick, code, on_loss: "refuse", ...more });
  const { state_id } = await run("var kept = 1");
  return { client, path, state: state_id, run, refuse };
}

/** How often a program has been sent. */
const sent = (code: string) => faulty.proxy.requests.filter((request) => request.code === code).length;

Deno.test("it is the same across reuse, by whichever function, and nothing is lost", async () => {
  const { client, path, state, run } = await open();
  const expects = state;
  for (const more of [{}, { expects }, { expects, on_loss: "refuse" }, { expects, on_loss: "continue" }]) {
    const answer = await run("kept", more);
    assert.deepEqual([answer.state_id, answer.lost, answer.execution.results[0].text], [state, null, "1"]);
  }
  const acquired = await invoke(client, "acquire-context", { ...path, expects });
  assert.deepEqual([acquired.state_id, acquired.lost], [state, null]);
  const events = await stream(client, { ...path, ...quick, code: "kept", expects });
  assert.deepEqual((await events.until("context")).data.state_id, state);
  assert.deepEqual((await events.until("end")).data.state_id, state);
  assert.equal((await run("throw new Error('a')", { expects })).state_id, state);
});

Deno.test("when the context has ended it is another one, and every later caller who expects the old one is told", async () => {
  const { client, path, state, run } = await open();
  assert.equal((await invoke(client, "terminate-context", path)).terminated, 1);
  const acquired = await invoke(client, "acquire-context", { ...path, expects: state });
  assert.notEqual(acquired.state_id, state);
  assert.equal(acquired.lost?.reason, "terminated");
  assert.equal(acquired.lost?.at, acquired.previous?.terminated_at);
  const later = await run("1", { expects: state });
  assert.deepEqual([later.state_id, later.lost], [acquired.state_id, acquired.lost]);
  const informed = await run("1", { expects: acquired.state_id });
  assert.deepEqual([informed.state_id, informed.lost], [acquired.state_id, null]);
});

Deno.test("each state's own end is told, not that of the one after it", async () => {
  const { client, path, state, run } = await open();
  await growOld(faulty.sql, path);
  const second = await run("1");
  await invoke(client, "terminate-context", path);
  const third = await run("1", { expects: state });
  assert.deepEqual([third.lost?.reason, third.previous?.termination_reason], ["expired", "terminated"]);
  assert.equal((await run("1", { expects: second.state_id })).lost?.reason, "terminated");
});

Deno.test("a state that nobody knows is lost", async () => {
  const client = await user(faulty.stack);
  const answer = await invoke(client, "acquire-context", { ...newPath(), expects: crypto.randomUUID() });
  assert.deepEqual([answer.was_created, answer.lost], [true, { reason: null, at: null }]);
});

Deno.test("who will not run without it is refused, and nothing runs", async () => {
  const { client, path, state, run, refuse } = await open();
  await invoke(client, "terminate-context", path);
  const idempotency_key = crypto.randomUUID();
  const code = "kept; 'refused'";
  const { status, body } = await refuse(code, { expects: state, idempotency_key });
  assert.deepEqual([status, body.code, body.retryable, body.lost?.reason], [409, "state_lost", false, "terminated"]);
  assert.equal(sent(code), 0);
  // What it is told is enough to go on with, and its key is free.
  const again = await run("typeof kept", { expects: body.state_id, on_loss: "refuse", idempotency_key });
  assert.deepEqual([again.lost, again.execution.results[0].text], [null, "undefined"]);
  const found = await faulty.sql`
    select from copilot_internal.open_executions where conversation_id = ${path.conversation_id}`;
  assert.equal(found.length, 0);
});

Deno.test("a run that costs its kernel says what comes after", async () => {
  const { state, run } = await open();
  const crashed = await run(crash, { expects: state });
  assert.equal(crashed.execution.kernel_restarted, true);
  assert.equal(crashed.lost, null);
  assert.notEqual(crashed.state_id, state);
  const informed = await run("typeof kept", { expects: crashed.state_id, on_loss: "refuse" });
  assert.deepEqual([informed.lost, informed.execution.results[0].text], [null, "undefined"]);
  assert.equal((await run("1", { expects: state })).lost?.reason, "kernel_restarted");
  assert.deepEqual((await run("1", { expects: crypto.randomUUID() })).lost, { reason: null, at: null });
});

/** Has the path's kernel start anew, past our functions. */
async function restartFromOutside(): Promise<void> {
  const sandbox = faulty.provider.sandboxes().at(-1);
  assert(sandbox);
  const options = { apiKey: faulty.provider.apiKey, apiUrl: faulty.provider.url, sandboxUrl: faulty.provider.url };
  const outside = await Sandbox.connect(sandbox.sandboxId, options);
  for (const kernel of await outside.listCodeContexts()) await outside.restartCodeContext(kernel);
  // Only now does it start, which may take longer than a question waits; code that is blank it does not count.
  await outside.runCode(" ", quick);
}

Deno.test("a kernel that went without anybody's notice: who runs on is told in the same answer", async () => {
  const { state, run, client, path } = await open();
  await restartFromOutside();
  const events = await (await stream(client, { ...path, ...quick, code: "typeof kept", expects: state })).rest();
  const told = events.filter(({ event }) => event === "context").map(({ data }) => data);
  assert.deepEqual(told.map((one) => one.lost === null), [true, false]);
  const end = events.at(-1)?.data;
  assert.equal(end?.state_id, told[1].state_id);
  assert.notEqual(end?.state_id, state);
  assert.equal((await run("1", { expects: state })).lost?.reason, "kernel_restarted");
});

Deno.test("and who will not run without it is refused, and nothing runs", async () => {
  const { state, refuse, run } = await open();
  await restartFromOutside();
  const code = "kept; 'never'";
  const { status, body } = await refuse(code, { expects: state });
  assert.deepEqual([status, body.code, body.lost?.reason], [409, "state_lost", "kernel_restarted"]);
  assert.equal(sent(code), 0);
  assert.equal((await run("1", { expects: body.state_id, on_loss: "refuse" })).lost, null);
});

Deno.test("also where all that ran before had asked the kernel first", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const { state_id: expects } = await invoke(client, "acquire-context", path);
  const careful = { ...path, ...quick, expects, on_loss: "refuse" };
  for (const code of ["var kept = 1", "kept"]) await invoke(client, "execute-code", { ...careful, code });
  await restartFromOutside();
  const code = "kept; 'careful'";
  const { status, body } = await refused(client, "execute-code", { ...careful, code });
  assert.deepEqual([status, body.code, body.lost?.reason], [409, "state_lost", "kernel_restarted"]);
  assert.equal(sent(code), 0);
});

Deno.test("a question that is lost has run nothing, and may be asked again", async () => {
  const { state, refuse, run } = await open();
  const idempotency_key = crypto.randomUUID();
  const fault = faulty.proxy.intercept(at.question, { kind: "drop", when: "after" });
  const { body } = await refuse("kept", { expects: state, idempotency_key });
  assert.deepEqual([body.code, body.retryable, fault.left()], ["sandbox_unavailable", true, 0]);
  const again = await run("kept", { expects: state, on_loss: "refuse", idempotency_key });
  assert.deepEqual([again.replayed, again.execution.results[0].text], [false, "1"]);
});

Deno.test("one that others keep busy is there", async () => {
  const { client, path, state, run } = await open();
  const busy = await stream(client, {
    ...path,
    ...quick,
    code: "console.log('begun'); await new Promise((resolve) => setTimeout(resolve, 4_000)); kept",
  });
  await busy.until("stdout");
  const answer = await run("kept", { expects: state, on_loss: "refuse" });
  assert.deepEqual([answer.lost, answer.execution.results[0].text], [null, "1"]);
  assert.equal((await busy.rest()).at(-1)?.data.status, "ok");
});

Deno.test("it is compared when the code is sent, not when the context was acquired", async () => {
  const { client, path, state, refuse } = await open();
  const files = [{ path: "a", content: "" }];
  const held = faulty.proxy.intercept(at.upload, { kind: "hold" });
  const code = "kept; 'late'";
  const answered = refuse(code, { expects: state, files });
  await held.reached();
  await invoke(client, "execute-code", { ...path, ...quick, code: crash });
  held.release();
  const { body } = await answered;
  assert.deepEqual([body.code, body.lost?.reason], ["state_lost", "kernel_restarted"]);
  assert.equal(sent(code), 0);
});

Deno.test("a kept answer tells what it told", async () => {
  const { client, path, state, run } = await open();
  await invoke(client, "terminate-context", path);
  const body = { expects: state, idempotency_key: crypto.randomUUID() };
  const first = await run("1", body);
  assert.equal(first.lost?.reason, "terminated");
  await run(crash);
  const repeat = await run("1", body);
  assert.deepEqual([repeat.replayed, repeat.state_id, repeat.lost], [true, first.state_id, first.lost]);
});

Deno.test("a run that is stopped has it, too", async () => {
  const { client, path, state } = await open();
  const events = await stream(client, { ...path, ...quick, code: "console.log(1); await new Promise(() => {})" });
  await events.until("stdout");
  assert.equal(await stop(client, path), 1);
  const end = (await events.until("end")).data;
  assert.equal(end.status, "cancelled");
  assert.equal(end.state_id === state, !end.kernel_restarted);
});

Deno.test("what is no state, or no way to take its loss, is refused", async () => {
  const client = await user(faulty.stack);
  const path = { ...newPath(), ...quick, code: "1" };
  for (const [field, value] of [["expects", "1"], ["on_loss", "ignore"], ["evict", "all"]]) {
    const { status, body } = await refused(client, "execute-code", { ...path, [field]: value });
    assert.deepEqual([status, body.field], [400, field]);
  }
});
