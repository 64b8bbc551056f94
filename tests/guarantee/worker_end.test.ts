/** A worker that is told that it is about to end hands on what it has: nobody waits for a lease, and no variable is lost. */
import assert from "node:assert/strict";
import { invoke, newPath, refused, service, user } from "../support/clients.ts";
import { stream } from "../support/event_stream.ts";
import { at, impatient, leaksNothing, quick, useFaultyStack } from "../support/faulty_stack.ts";
import { quickEndless } from "../support/programs.ts";
import { contexts } from "../support/rows.ts";
import { eventually } from "../support/settle.ts";

const LEASE = 12;
const faulty = useFaultyStack({
  functions: 2,
  // What is young may be a claim's in flight: no sweep takes it before creating, half a lease, and probation are over.
  env: { SANDBOX_PROBATION_SECONDS: impatient.env.SANDBOX_PROBATION_SECONDS, CONTEXT_LEASE_SECONDS: String(LEASE) },
});
/** Not less than `impatient`'s with what creating may take here, in seconds. */
const BOUND = impatient.bound + LEASE / 2;

type Path = ReturnType<typeof newPath>;

/** Tells all workers that they are about to end. */
async function announceEnd(reason: string): Promise<void> {
  await Promise.all(faulty.stack.functions.processes.map((process) => process.announceEnd(reason)));
}

/** Others take their places. */
async function replaceWorkers(): Promise<void> {
  await Promise.all(faulty.stack.functions.processes.map((process) => process.restart()));
}

/** A test that leaves workers behind that are not about to end. */
function test(name: string, steps: () => Promise<void>): void {
  Deno.test(name, async () => {
    try {
      await steps();
    } finally {
      await replaceWorkers();
    }
  });
}

/** A path with a variable, and a run on it that does not end by itself. */
async function runEndlessly(more: Record<string, unknown> = {}) {
  const client = await user(faulty.stack);
  const path = newPath();
  await invoke(client, "execute-code", { ...path, ...quick, code: "var kept = 'yes'" });
  const body = { ...path, ...quick, code: quickEndless, ...more };
  const events = await stream(client, body);
  await events.until("stdout");
  return { client, path, body, events };
}

/** That nothing runs any more in the path's kernel, and what ran before is known. */
async function assertFree({ client, path }: { client: Awaited<ReturnType<typeof user>>; path: Path }): Promise<void> {
  const { execution, previous } = await invoke(client, "execute-code", {
    ...path,
    ...quick,
    code: "[kept, n > 0].join()",
    timeout_ms: 10_000,
  });
  assert.deepEqual([execution.results[0]?.text, previous], ["yes,true", null], JSON.stringify(execution));
}

async function statusesOf({ conversation_id }: Path): Promise<string[]> {
  const rows = await faulty.sql`
    select e.status from copilot_internal.executions e where e.conversation_id = ${conversation_id} order by e.started_at`;
  return rows.map(({ status }) => status);
}

/** Calls acquire-context of one of the workers, whichever the gateway would have chosen. */
async function acquireFrom(worker: number, client: Awaited<ReturnType<typeof user>>, path: Path) {
  const { url } = faulty.stack.functions.processes[worker];
  const { data: { session } } = await client.auth.getSession();
  assert(url && session);
  const response = await fetch(`${url}/acquire-context`, {
    method: "POST",
    headers: { authorization: `Bearer ${session.access_token}`, "content-type": "application/json" },
    body: JSON.stringify(path),
  });
  return { status: response.status, body: await response.json() };
}

for (const reason of ["wall_clock", "cpu", "memory", "termination"]) {
  test(`a run is cut off, answered and noted, and its kernel is free: ${reason}`, async () => {
    const run = await runEndlessly();
    await announceEnd(reason);
    const rest = await run.events.rest();
    const { status, kernel_restarted } = rest.at(-1)?.data ?? {};
    assert.deepEqual([rest.at(-1)?.event, status, kernel_restarted], ["end", "cut_off", false]);
    await eventually("the ledger says so", async () => (await statusesOf(run.path)).join() === "ok,cut_off");
    await replaceWorkers();
    await assertFree(run);
  });
}

test("one without a stream is told the same, with what it had said", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const running = invoke(client, "execute-code", { ...path, ...quick, code: quickEndless, outputs: ["none"] });
  await eventually("it runs", async () => (await statusesOf(path)).join() === "running");
  await announceEnd("wall_clock");
  const { execution } = await running;
  assert.deepEqual([execution.status, execution.stdout], ["cut_off", "begun\n"]);
  assert.deepEqual(execution.outputs, [{ path: "none", status: "missing" }]);
});

test("what was cut off is the answer to its idempotency key", async () => {
  const run = await runEndlessly({ idempotency_key: "once" });
  await announceEnd("cpu");
  assert.equal((await run.events.until("end")).data.status, "cut_off");
  await eventually("the ledger says so", async () => (await statusesOf(run.path)).at(-1) === "cut_off");
  await replaceWorkers();
  const repeat = await invoke(run.client, "execute-code", run.body);
  assert.deepEqual([repeat.replayed, repeat.execution.status], [true, "cut_off"]);
  await assertFree(run);
});

test("a request whose code was not sent gives its idempotency key back", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const body = { ...path, ...quick, code: "1 + 1", idempotency_key: "once" };
  const held = faulty.proxy.intercept(at.create, { kind: "hold" });
  const first = refused(client, "execute-code", body);
  await held.reached();
  await announceEnd("wall_clock");
  const { status, body: error } = await first;
  assert.deepEqual([status, error.code, error.retryable, error.retry_after_seconds], [503, "context_busy", true, 1]);
  await replaceWorkers();
  const claims = () => faulty.database.requests.filter(at.claimKey).length;
  const before = claims();
  const second = await invoke(client, "execute-code", body);
  assert.deepEqual([second.execution.results[0].text, second.replayed], ["2", false]);
  assert.equal(claims() - before, 1, "it had to wait for the key");
  held.release();
  await leaksNothing(faulty, path, BOUND);
});

test("a claim fails at once: those who wait in other workers take over, and one sandbox is alive", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const [ends] = faulty.stack.functions.processes;
  const held = faulty.proxy.intercept(at.create, { kind: "hold" });
  const creating = acquireFrom(0, client, path);
  await held.reached();
  const claims = () => faulty.database.requests.filter(at.claim).length;
  const before = claims();
  const waiting = [acquireFrom(0, client, path), acquireFrom(1, client, path)];
  await eventually("both wait", () => claims() >= before + 2);
  await ends.announceEnd("wall_clock");
  for (const { status, body } of await Promise.all([creating, waiting[0]])) {
    assert.deepEqual([status, body.code, body.retryable], [503, "context_busy", true]);
  }
  const taken = await waiting[1];
  assert.deepEqual([taken.status, taken.body.was_created], [200, true]);
  const [failed, ready] = await contexts(faulty.sql, path);
  assert.deepEqual([failed.termination_reason, ready.sandbox_status], ["create_failed", "ready"]);
  // What the worker had asked for may still be made.
  held.release();
  await replaceWorkers();
  await leaksNothing(faulty, path, BOUND);
});

test("a worker that is about to end takes on nothing new", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  await announceEnd("memory");
  for (
    const [name, caller, body] of [
      ["acquire-context", client, path],
      ["execute-code", client, { ...path, code: "1" }],
      ["terminate-context", service(faulty.stack), { due: true }],
    ] as const
  ) {
    const answer = await refused(caller, name, body);
    assert.deepEqual([answer.status, answer.body.code, answer.body.retryable], [503, "context_busy", true], name);
  }
  assert.deepEqual(await contexts(faulty.sql, path), []);
  // What ends is ended.
  assert.deepEqual(await invoke(client, "terminate-context", path), { terminated: 0 });
});

test("one that dies at once has at least let its kernel go", async () => {
  const run = await runEndlessly();
  const lost = assert.rejects(async () => {
    assert.equal((await run.events.rest()).at(-1)?.event, "end");
    // It was answered before it died.
    throw new Error("answered");
  });
  await announceEnd("cpu");
  await Promise.all(faulty.stack.functions.processes.map((process) => process.kill()));
  await lost;
  await replaceWorkers();
  await assertFree(run);
  await leaksNothing(faulty, run.path, BOUND);
});
