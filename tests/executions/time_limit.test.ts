/** At its time limit a run is stopped; what it said and knew is kept, or the answer says that it is not. */
import assert from "node:assert/strict";
import { invoke, newPath, refused, user } from "../support/clients.ts";
import { stream } from "../support/event_stream.ts";
import { at, useFaultyStack } from "../support/faulty_stack.ts";
import { useNotebook } from "../support/notebook.ts";
import { BEGUN_BY_MILLISECONDS, endless, stubborn } from "../support/programs.ts";
import { eventually } from "../support/settle.ts";

const faulty = useFaultyStack({ functions: 2 });
const notebook = useNotebook(faulty);

Deno.test("code that yields keeps its variables", async () => {
  const { client, path } = await notebook();
  await invoke(client, "execute-code", { ...path, code: "kept = 'yes'" });
  const late = await invoke(client, "execute-code", { ...path, code: endless, timeout_ms: BEGUN_BY_MILLISECONDS });
  assert.equal(late.execution.status, "timed_out");
  assert.equal(late.execution.stdout, "begun\n");
  assert.equal(late.execution.kernel_restarted, false);
  const next = await invoke(client, "execute-code", { ...path, code: "before = n\nkept, n > 0, n == before" });
  assert.equal(next.execution.results[0].text, "('yes', True, True)");
  assert.equal(next.previous, null);
});

Deno.test("code that does not yield loses its kernel, and everybody on the path is told", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const first = await invoke(client, "execute-code", { ...path, code: "lost = 1" });
  const restart = faulty.proxy.intercept(at.restart, { kind: "hold" });
  const running = invoke(client, "execute-code", { ...path, code: stubborn, timeout_ms: BEGUN_BY_MILLISECONDS });
  await Promise.race([restart.hit, running]);
  // A process that dies now must not have taken the variables without a word.
  const meanwhile = await invoke(client, "acquire-context", path);
  assert.equal(meanwhile.previous?.termination_reason, "kernel_restarted");
  restart.release();
  const late = await running;
  assert.equal(late.execution.status, "timed_out");
  assert.equal(late.execution.stdout, "begun\n");
  assert.equal(late.execution.kernel_restarted, true);

  const next = await invoke(client, "execute-code", { ...path, code: "'lost' in globals()" });
  assert.equal(next.execution.results[0].text, "False");
  assert.equal(next.execution.execution_count, 1);
  assert.equal(next.context.id, first.context.id);
  assert.equal(next.previous?.termination_reason, "kernel_restarted");
  const again = await invoke(client, "acquire-context", path);
  assert.deepEqual(again.previous, next.previous);
});

Deno.test("who is in line for a kernel that is restarted is told before the end", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  await invoke(client, "execute-code", { ...path, code: "lost = 1" });
  const late = await stream(client, { ...path, code: stubborn, timeout_ms: BEGUN_BY_MILLISECONDS });
  await late.until("stdout");
  const code = "'lost' in globals()";
  const waiting = await stream(client, { ...path, code });
  assert.equal((await waiting.until("context")).data.previous, null);
  const keyed = { ...path, code, idempotency_key: crypto.randomUUID() };
  const answers = [invoke(client, "execute-code", { ...path, code }), invoke(client, "execute-code", keyed)];

  assert.equal((await late.until("end")).data.kernel_restarted, true);
  const told = await waiting.until("context");
  assert.partialDeepStrictEqual(told.data.previous, { termination_reason: "kernel_restarted" });
  const end = await waiting.until("end");
  assert.deepEqual([end.data.status, end.data.kernel_restarted], ["ok", false]);
  for (const answer of [...await Promise.all(answers), await invoke(client, "execute-code", keyed)]) {
    assert.equal(answer.execution.results[0].text, "False");
    assert.deepEqual(answer.previous, told.data.previous);
  }
});

Deno.test("a kernel that crashes loses its variables too, and everybody on the path is told", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  await invoke(client, "execute-code", { ...path, code: "lost = 1" });
  const crashed = await invoke(client, "execute-code", { ...path, code: "import os\nos.abort()" });
  assert.equal(crashed.execution.status, "error");
  assert.equal(crashed.execution.kernel_restarted, true);
  const next = await invoke(client, "execute-code", { ...path, code: "'lost' in globals()" });
  assert.equal(next.execution.results[0].text, "False");
  assert.equal(next.previous?.termination_reason, "kernel_restarted");
});

Deno.test("who waits behind others' code for the whole time limit runs nothing, and takes no kernel away", async () => {
  const { client, path } = await notebook();
  await invoke(client, "execute-code", { ...path, code: "import time\nruns = 0" });
  const long = await stream(client, { ...path, code: "print('long')\ntime.sleep(8)\nruns += 1" });
  await long.until("stdout");
  // The second must not take the first one, which never began, for the kernel's last.
  for (let turn = 0; turn < 2; turn++) {
    const waited = await invoke(client, "execute-code", { ...path, code: "runs += 10", timeout_ms: 300 });
    assert.equal(waited.execution.status, "timed_out");
    assert.equal(waited.execution.execution_count, null);
    assert.equal(waited.execution.kernel_restarted, false);
  }
  assert.equal((await long.until("end")).data.status, "ok");
  const after = await invoke(client, "execute-code", { ...path, code: "runs" });
  assert.equal(after.execution.results[0].text, "1");
});

Deno.test("nor does it when the ledger could not be told at first that the others' code runs", async () => {
  const { client, path } = await notebook();
  await invoke(client, "execute-code", { ...path, code: "import time\nruns = 0" });
  const fault = faulty.database.intercept(at.start, { kind: "answer", status: 503 }, 3);
  const long = await stream(client, { ...path, code: "print('long')\ntime.sleep(14)\nruns += 1\nruns" });
  await eventually("it is told again", () => fault.left() === 0);
  const waited = await invoke(client, "execute-code", { ...path, code: "runs += 10", timeout_ms: 300 });
  assert.equal(waited.execution.kernel_restarted, false);
  assert.equal((await long.until("result")).data.text, "1");
});

Deno.test("nor does who loses the connection while others' code runs", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  await invoke(client, "execute-code", { ...path, code: "import time\nkept = 'yes'" });
  const long = await stream(client, { ...path, code: "print('long')\ntime.sleep(12)\nkept" });
  await long.until("stdout");
  faulty.proxy.intercept(at.execute, { kind: "drop", when: "after" });
  const lost = await refused(client, "execute-code", { ...path, code: "kept = 'no'" });
  assert.equal(lost.body.code, "execution_lost");
  // Longer than the lost run's kernel is asked whether it is free.
  assert.equal((await long.until("result")).data.text, "yes");
});

Deno.test("code that has not reached its kernel in time is timed out too, and counts as not begun", async () => {
  const { client, path } = await notebook();
  const held = faulty.proxy.intercept(at.execute, { kind: "hold" });
  const late = invoke(client, "execute-code", { ...path, code: "2", timeout_ms: BEGUN_BY_MILLISECONDS });
  await held.reached();
  const { execution } = await late;
  held.release();
  assert.deepEqual([execution.status, execution.execution_count, execution.kernel_restarted], [
    "timed_out",
    null,
    false,
  ]);
});

Deno.test("a kernel that could not be asked is not restarted", async () => {
  const { client, path } = await notebook();
  await invoke(client, "execute-code", { ...path, code: "kept = 'yes'" });
  // Its interrupt would tell that it is free.
  faulty.database.intercept(at.hold, { kind: "answer", status: 401 });
  // The run itself goes through.
  const questions = faulty.proxy.intercept(at.question, { kind: "answer", status: 429 }, 3);
  const late = await invoke(client, "execute-code", { ...path, code: endless, timeout_ms: BEGUN_BY_MILLISECONDS });
  assert.deepEqual([late.execution.status, late.execution.kernel_restarted], ["timed_out", false]);
  assert.equal(questions.left(), 0);
  const next = await invoke(client, "execute-code", { ...path, code: "kept" });
  assert.deepEqual([next.execution.results[0].text, next.previous], ["yes", null]);
});

Deno.test("a restart whose answer is lost is told all the same", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  await invoke(client, "execute-code", { ...path, code: "lost = 1" });
  faulty.proxy.intercept(at.restart, { kind: "drop", when: "after" }, 2);
  const late = await invoke(client, "execute-code", { ...path, code: stubborn, timeout_ms: BEGUN_BY_MILLISECONDS });
  assert.equal(late.execution.kernel_restarted, true);
  const next = await invoke(client, "execute-code", { ...path, code: "'lost' in globals()" });
  assert.equal(next.execution.results[0].text, "False");
  assert.equal(next.previous?.termination_reason, "kernel_restarted");
});

Deno.test("code that yields to others who wait is not taken for stuck", async () => {
  const { client, path } = await notebook();
  await invoke(client, "execute-code", { ...path, code: "import time\nkept = 'yes'" });
  const first = await stream(client, { ...path, code: endless, timeout_ms: BEGUN_BY_MILLISECONDS });
  await first.until("stdout");
  // In line before the question whether the kernel is free, and longer than that is asked for.
  const second = stream(client, { ...path, code: "print('second')\ntime.sleep(12)\nkept", timeout_ms: 30_000 });
  assert.equal((await first.until("end")).data.kernel_restarted, false);
  assert.equal((await (await second).until("result")).data.text, "yes");
});

Deno.test("a kernel left stuck by a process that died is found by the next caller", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const { context } = await invoke(client, "execute-code", { ...path, code: "1" });
  const cut = stream(client, { ...path, code: stubborn, timeout_ms: 30_000 });
  const events = await cut;
  await events.until("stdout");
  // Whichever of the two serves it.
  await Promise.all(faulty.stack.functions.processes.map((process) => process.restart()));
  await assert.rejects(events.rest());

  // As if the time had passed within which a living process would have noted the end.
  await faulty
    .sql`update copilot_internal.executions set deadline_at = clock_timestamp(), started_at = started_at - interval '1 hour'
    where context_id = ${context.id}`;
  const next = await invoke(client, "execute-code", { ...path, code: "2", timeout_ms: 300 });
  assert.deepEqual([next.execution.status, next.execution.kernel_restarted], ["timed_out", true]);
  const after = await invoke(client, "execute-code", { ...path, code: "3" });
  assert.equal(after.execution.results[0].text, "3");
  assert.equal(after.previous?.termination_reason, "kernel_restarted");
});

Deno.test("a limit that the platform would not grant is refused, and the most is named", async () => {
  const client = await user(faulty.stack);
  const answer = await refused(client, "execute-code", { ...newPath(), code: "1", timeout_ms: 45_001 });
  assert.equal(answer.body.field, "timeout_ms");
  assert.match(answer.body.message, /45000/);
});
