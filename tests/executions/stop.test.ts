/** A run is stopped by name, from whichever process: it ends as `cancelled`, and its kernel goes on with its variables. */
import assert from "node:assert/strict";
import type { SupabaseClient } from "@supabase/supabase-js";
import { idOf, invoke, newPath, refused, service, stop, user } from "../support/clients.ts";
import { stream, text } from "../support/event_stream.ts";
import { answer, at, quick, useFaultyStack } from "../support/faulty_stack.ts";
import type { Fault } from "../support/proxy.ts";
import { useNotebook } from "../support/notebook.ts";
import { BEGUN_BY_MILLISECONDS, endless, stubborn } from "../support/programs.ts";
import { endsNoted, eventually } from "../support/settle.ts";

/** Two processes: who stops a run is not always the one who runs it. */
const faulty = useFaultyStack({ functions: 2 });

const open = useNotebook(faulty);

/** The path's open executions, and how those in the ledger ended, the newest first. */
async function ledger({ conversation_id }: { readonly conversation_id: string }) {
  const ended = await faulty.sql`
    select id, status from copilot_internal.executions where conversation_id = ${conversation_id} order by started_at desc`;
  const [{ open }] = await faulty.sql`
    select count(*)::integer as open from copilot_internal.open_executions where conversation_id = ${conversation_id}`;
  return { open, last: ended[0] };
}

/** How often something was sent to the provider, or to the database. */
const sent = (step: Parameters<typeof faulty.proxy.intercept>[0], to = faulty.proxy) => to.requests.filter(step).length;

/** Stops the one run that is open on a path, and waits until whoever runs it has been told. */
async function stopAndTell(client: SupabaseClient, path: Record<string, unknown>): Promise<void> {
  assert.equal(await stop(client, path), 1);
  const asked = faulty.database.intercept(at.stopped, { kind: "hold_answer" });
  await eventually("whoever runs it has been told", () => asked.served() > 0);
  asked.release();
}

Deno.test("a stream, by the id that it was told first", async () => {
  const { client, path, run } = await open();
  await run("kept = 'yes'");
  const events = await stream(client, { ...path, code: endless });
  const { data: { execution_id } } = await events.until("context");
  await events.until("stdout");
  assert.equal(await stop(client, path, { execution_id }), 1);
  const rest = await events.rest();
  assert.equal(rest.at(-1)?.event, "end");
  assert.equal(rest.at(-1)?.data.status, "cancelled");
  assert.equal((await run("kept, n > 0")).results[0].text, "('yes', True)");
  await endsNoted(faulty.sql, path);
  assert.equal(await stop(client, path, { execution_id }), 0);
  const [{ status }] = await faulty.sql`
    select status from copilot_internal.executions where id = ${String(execution_id)}`;
  assert.equal(status, "cancelled");
});

Deno.test("a call without a stream, by its path: its own caller gets what it said", async () => {
  const { client, path, run } = await open();
  const answered = invoke(client, "execute-code", { ...path, code: endless });
  await eventually("it runs", async () => (await ledger(path)).last?.status === "running");
  assert.equal(await stop(client, path), 1);
  const { execution, execution_id } = await answered;
  assert.equal(execution.status, "cancelled");
  assert.equal(execution.stdout, "begun\n");
  assert.equal(execution.kernel_restarted, false);
  assert.equal((await ledger(path)).last?.id, execution_id);
  assert.equal((await run("n > 0")).results[0].text, "True");
  await eventually("nothing is open", async () => (await ledger(path)).open === 0);
});

Deno.test("a run that outlives its caller, by its key: a repeat gets what it had said", async () => {
  const { client, path } = await open();
  const idempotency_key = crypto.randomUUID();
  const body = { ...path, code: endless, idempotency_key };
  const abort = new AbortController();
  const events = await stream(client, body, { signal: abort.signal });
  const { data: { execution_id } } = await events.until("context");
  await events.until("stdout");
  abort.abort();
  await assert.rejects(events.rest());
  assert.equal(await stop(client, path, { idempotency_key }), 1);
  const repeat = await invoke(client, "execute-code", body);
  assert.deepEqual(
    [repeat.replayed, repeat.execution_id, repeat.execution.status, repeat.execution.stdout],
    [true, execution_id, "cancelled", "begun\n"],
  );
  const told = await (await stream(client, body)).rest();
  assert.equal(told[0].data.execution_id, execution_id);
  assert.equal(text(told, "stdout"), "begun\n");
  assert.equal(told.at(-1)?.data.status, "cancelled");
  assert.equal(await stop(client, path, { idempotency_key }), 0);
});

Deno.test("what has not been sent never is", async () => {
  const client = await user(faulty.stack);
  for (const key of [{}, { idempotency_key: crypto.randomUUID() }]) {
    const path = newPath();
    const held = faulty.proxy.intercept(at.create, { kind: "hold" });
    const body = { ...path, ...quick, ...key, code: "ran = 1", outputs: ["a"] };
    const answered = invoke(client, "execute-code", body);
    await held.reached();
    await stopAndTell(client, path);
    held.release();
    const { execution, was_created } = await answered;
    assert.equal(was_created, true);
    assert.deepEqual(
      [execution.status, execution.execution_count, execution.duration_ms, execution.outputs],
      ["cancelled", null, 0, [{ path: "a", status: "unavailable" }]],
    );
    assert.equal(sent((request) => at.execute(request) && request.code === "ran = 1"), 0);
    await endsNoted(faulty.sql, path);
    assert.deepEqual(await ledger(path), { open: 0, last: undefined });
    if ("idempotency_key" in key) assert.equal((await invoke(client, "execute-code", body)).replayed, true);
  }
});

Deno.test("what was stopped before it had a sandbox is not to be tried again", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const held = faulty.proxy.intercept(at.create, { ...answer(503), hold: true });
  const body = { ...path, ...quick, code: "never = 1", idempotency_key: crypto.randomUUID() };
  const answered = refused(client, "execute-code", body);
  await held.reached();
  await stopAndTell(client, path);
  held.release();
  for (const told of [await answered, await refused(client, "execute-code", body)]) {
    assert.deepEqual([told.status, told.body.code, told.body.retryable], [499, "cancelled", false]);
  }
  assert.equal(sent((request) => at.execute(request) && request.code === "never = 1"), 0);
});

Deno.test("neither another path's, nor another tenant's", async () => {
  const { client, path } = await open();
  const events = await stream(client, { ...path, code: endless });
  const { data: { execution_id } } = await events.until("context");
  await events.until("stdout");
  const stranger = await user(faulty.stack);
  for (const name of [{ executions: true }, { execution_id }]) {
    assert.equal(await stop(stranger, path, name), 0);
    assert.equal(await stop(client, { ...path, path_id: "branch" }, name), 0);
    assert.equal(await stop(service(faulty.stack), { ...path, tenant_id: "another" }, name), 0);
  }
  assert.equal(
    (await refused(stranger, "terminate-context", { ...path, executions: true, tenant_id: "x" })).status,
    403,
  );
  assert.equal((await ledger(path)).last?.status, "running");
  assert.equal(await stop(service(faulty.stack), { ...path, tenant_id: await idOf(client) }), 1);
  assert.equal((await events.rest()).at(-1)?.data.status, "cancelled");
});

Deno.test("one of two on a path: the other one, in line behind it, runs to its end", async () => {
  const { client, path } = await open();
  const before = sent(at.interrupt);
  const first = await stream(client, { ...path, code: endless });
  const { data: { execution_id } } = await first.until("context");
  await first.until("stdout");
  const second = await stream(client, { ...path, code: "print('second')" });
  await second.until("context");
  assert.equal(await stop(client, path, { execution_id }), 1);
  assert.equal((await first.rest()).at(-1)?.data.status, "cancelled");
  const told = await second.rest();
  assert.equal(text(told, "stdout"), "second\n");
  assert.equal(told.at(-1)?.data.status, "ok");
  // Jupyter interrupts whatever runs when it is asked to.
  assert.equal(sent(at.interrupt), before);
});

Deno.test("while an interrupt is on its way nothing else begins, and it hits nothing else", async () => {
  const { client, path, run } = await open();
  const events = await stream(client, { ...path, code: endless });
  await events.until("stdout");
  const held = faulty.proxy.intercept(at.interrupt, { kind: "hold" });
  assert.equal(await stop(client, path), 1);
  await held.reached();
  const executions = sent(at.execute);
  const waits = faulty.database.intercept(at.claim, { kind: "hold_answer" });
  const next = run("import time; time.sleep(0.2); print('whole')");
  await waits.reached();
  await eventually("its claim has been answered", () => waits.served() > 0);
  const claims = faulty.database.requests.filter(at.claim).length;
  waits.release();
  await eventually("it asks again", () => faulty.database.requests.filter(at.claim).length > claims);
  assert.equal(sent(at.execute), executions);
  held.release();
  assert.equal((await events.rest()).at(-1)?.data.status, "cancelled");
  assert.equal((await next).stdout, "whole\n");
});

const interruptFaults = {
  "its kernel is not told": [at.kernels, answer(502)],
  "nobody listens for the interrupt": [at.interrupt, answer(502)],
  "the interrupt's connection breaks": [at.interrupt, { kind: "drop", when: "before" }],
} satisfies Record<string, [typeof at.kernels, Fault]>;
for (const [name, [step, mishap]] of Object.entries(interruptFaults)) {
  Deno.test(`the connection is dropped where ${name}`, async () => {
    const { client, path, run } = await open();
    await run("kept = 'yes'");
    const fault = faulty.proxy.intercept(step, mishap);
    // Where the steps before it take too long, the connection is dropped without it.
    await eventually("a stop comes to the step", async () => {
      const events = await stream(client, { ...path, code: endless });
      await events.until("stdout");
      assert.equal(await stop(client, path), 1);
      const end = (await events.rest()).at(-1)?.data;
      assert.deepEqual([end?.status, end?.kernel_restarted], ["cancelled", false]);
      return fault.left() === 0;
    });
    assert.equal((await run("kept, n > 0")).results[0].text, "('yes', True)");
  });
}

Deno.test("and where the database does not say whether it can be sent, or who is to be stopped", async () => {
  const { client, path, run } = await open();
  await run("kept = 'yes'");
  const events = await stream(client, { ...path, code: endless });
  await events.until("stdout");
  const faults = [
    faulty.database.intercept(at.stopped, answer(401)),
    faulty.database.intercept(at.hold, answer(401)),
  ];
  assert.equal(await stop(client, path), 1);
  assert.equal((await events.rest()).at(-1)?.data.status, "cancelled");
  assert.deepEqual(faults.map((fault) => fault.left()), [0, 0]);
  assert.equal((await run("kept, n > 0")).results[0].text, "('yes', True)");
});

Deno.test("a stop that comes while a run's time limit is being enforced does not change why it ended", async () => {
  const { client, path } = await open();
  const events = await stream(client, { ...path, code: endless, timeout_ms: BEGUN_BY_MILLISECONDS });
  await events.until("stdout");
  const interrupt = faulty.proxy.intercept(at.interrupt, { kind: "hold" });
  // An interrupt waits for two seconds only: the stop is there before the limit is, and told after it.
  const telling = faulty.database.intercept(at.stopped, { kind: "hold" }, Infinity);
  await telling.reached();
  assert.equal(await stop(client, path), 1);
  let isOver = false;
  const rest = events.rest().finally(() => isOver = true);
  await Promise.race([interrupt.hit, rest]);
  interrupt.end();
  const asked = sent(at.stopped, faulty.database);
  telling.release();
  telling.end();
  await eventually("whoever runs it has been told", () => isOver || sent(at.stopped, faulty.database) > asked);
  interrupt.release();
  assert.equal((await rest).at(-1)?.data.status, "timed_out");
});

Deno.test("code that does not yield: its kernel is restarted, and the answer says so", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  await invoke(client, "execute-code", { ...path, code: "kept = 1" });
  const events = await stream(client, { ...path, code: stubborn });
  await events.until("stdout");
  assert.equal(await stop(client, path), 1);
  const end = (await events.rest()).at(-1)?.data;
  assert.deepEqual([end?.status, end?.kernel_restarted], ["cancelled", true]);
  const after = await invoke(client, "execute-code", { ...path, code: "'kept' in globals()" });
  assert.equal(after.execution.results[0].text, "False");
  assert.equal(after.previous?.termination_reason, "kernel_restarted");
});

Deno.test("what failed before it began is open no more", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const fault = faulty.proxy.intercept(at.create, answer(500));
  await refused(client, "execute-code", { ...path, ...quick, code: "1" });
  assert.equal(fault.left(), 0);
  await eventually("it is closed", async () => (await ledger(path)).open === 0);
  assert.equal(await stop(client, path), 0);
});

Deno.test("what names nothing, or too much, is refused", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const id = crypto.randomUUID();
  const bodies: [Record<string, unknown>, string][] = [
    [{ ...path, executions: false }, "executions"],
    [{ ...path, execution_id: "1" }, "execution_id"],
    [{ ...path, idempotency_key: "" }, "idempotency_key"],
    [{ ...path, execution_id: id, idempotency_key: id }, "idempotency_key"],
    [{ ...path, executions: true, execution_id: id }, "execution_id"],
    [{ conversation_id: "c", executions: true }, "path_id"],
    [{ path_id: "p", execution_id: id }, "conversation_id"],
    [{ ...path, context_id: id, executions: true }, "context_id"],
  ];
  for (const [body, field] of bodies) {
    const { status, body: told } = await refused(client, "terminate-context", body);
    assert.deepEqual([status, told.code, told.field], [400, "invalid_request", field], JSON.stringify(body));
  }
});
