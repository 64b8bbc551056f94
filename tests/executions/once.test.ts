/** With an idempotency key the same request runs once, however often and however badly it is asked for. */
import assert from "node:assert/strict";
import { idOf, invoke, newPath, refused, service, user } from "../support/clients.ts";
import { stream, text } from "../support/event_stream.ts";
import { at, quick, useFaultyStack } from "../support/faulty_stack.ts";
import { eventually } from "../support/settle.ts";

const faulty = useFaultyStack({ functions: 2, env: { EXECUTION_LEASE_SECONDS: "9" } });

/** A path whose kernel counts, and a request that makes it count. */
async function counter(client: Parameters<typeof invoke>[0]) {
  const path = newPath();
  const code = "var runs = 0; const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))";
  await invoke(client, "execute-code", { ...path, ...quick, code });
  return {
    path: { ...path, ...quick },
    body: { ...path, ...quick, code: "runs += 1; console.log('said'); runs", idempotency_key: crypto.randomUUID() },
    runs: async () =>
      (await invoke(client, "execute-code", { ...path, ...quick, code: "runs" })).execution.results[0].text,
  };
}

Deno.test("a repeat gets the kept answer", async () => {
  const client = await user(faulty.stack);
  const { body, runs } = await counter(client);
  const first = await invoke(client, "execute-code", body);
  const repeat = await invoke(client, "execute-code", body);
  assert.equal(first.replayed, false);
  assert.deepEqual(repeat, { ...first, replayed: true });
  assert.equal(await runs(), "1");
});

Deno.test("a repeat as a stream tells the kept answer", async () => {
  const client = await user(faulty.stack);
  const { body, runs } = await counter(client);
  const { execution } = await invoke(client, "execute-code", body);
  const events = await (await stream(client, body)).rest();
  assert.deepEqual(events.map(({ event }) => event), ["context", "stdout", "result", "end"]);
  assert.equal(text(events, "stdout"), execution.stdout);
  assert.equal(events.at(-1)?.data.replayed, true);
  assert.equal(await runs(), "1");
});

Deno.test("of twenty at once, over two processes, one runs and all get its answer", async () => {
  const client = await user(faulty.stack);
  const { body, runs } = await counter(client);
  const held = faulty.proxy.intercept(at.execute, { kind: "hold" });
  const answers = Array.from({ length: 20 }, () => invoke(client, "execute-code", body));
  await held.reached();
  held.release();
  const told = await Promise.all(answers);
  assert.equal(told.filter(({ replayed }) => !replayed).length, 1);
  for (const { execution } of told) assert.deepEqual(execution, told[0].execution);
  assert.equal(await runs(), "1");
});

Deno.test("the same key with another body is refused, and runs nothing", async () => {
  const client = await user(faulty.stack);
  const { body, runs } = await counter(client);
  await invoke(client, "execute-code", body);
  const others = [
    { ...body, code: "runs += 10" },
    { ...body, path_id: "other" },
    { ...body, timeout_ms: 9_000 },
    { ...body, envs: { A: "1" } },
    { ...body, outputs: ["a.txt"] },
  ];
  for (const other of others) {
    const answer = await refused(client, "execute-code", other);
    assert.deepEqual([answer.status, answer.body.code, answer.body.retryable, answer.body.field], [
      409,
      "idempotency_key_reused",
      false,
      "idempotency_key",
    ]);
  }
  // The order of fields makes no other body.
  const reordered = Object.fromEntries(Object.entries(body).reverse());
  assert.equal((await invoke(client, "execute-code", reordered)).replayed, true);
  assert.equal(await runs(), "1");
});

Deno.test("an exception is an answer, and is kept", async () => {
  const client = await user(faulty.stack);
  const { path } = await counter(client);
  const body = { ...path, code: "runs += 1; throw new Error()", idempotency_key: crypto.randomUUID() };
  const first = await invoke(client, "execute-code", body);
  const repeat = await invoke(client, "execute-code", body);
  assert.equal(first.execution.status, "error");
  assert.deepEqual(repeat.execution, first.execution);
});

Deno.test("output that Postgres could not keep as text is kept", async () => {
  const client = await user(faulty.stack);
  const { path } = await counter(client);
  const body = { ...path, code: `console.log("a\\0b", "\\ud800", "\\u20ac")`, idempotency_key: crypto.randomUUID() };
  const first = await invoke(client, "execute-code", body);
  const repeat = await invoke(client, "execute-code", body);
  assert(first.execution.stdout.startsWith("a\0b"));
  assert.deepEqual(repeat.execution, first.execution);
});

Deno.test("what failed before anything ran may be asked for again", async () => {
  const client = await user(faulty.stack);
  const body = { ...newPath(), ...quick, code: "1", idempotency_key: crypto.randomUUID() };
  faulty.proxy.intercept(at.create, { kind: "answer", status: 503 });
  const failed = await refused(client, "execute-code", body);
  assert.equal(failed.body.retryable, true);
  const answer = await invoke(client, "execute-code", body);
  assert.deepEqual([answer.replayed, answer.execution.results[0].text], [false, "1"]);
});

Deno.test("so it may when not even that could be noted", async () => {
  const client = await user(faulty.stack);
  const body = { ...newPath(), ...quick, code: "1", idempotency_key: crypto.randomUUID() };
  faulty.database.intercept(at.claim, { kind: "answer", status: 503 }, 3);
  faulty.database.intercept(at.releaseKey, { kind: "answer", status: 503 }, 3);
  const failed = await refused(client, "execute-code", body);
  assert.equal(failed.body.retryable, true);
  // It waits until the claim that was not given up is over.
  const answer = await invoke(client, "execute-code", body);
  assert.deepEqual([answer.replayed, answer.execution.results[0].text], [false, "1"]);
});

Deno.test("who was taken over because it seemed dead does not run", async () => {
  const client = await user(faulty.stack);
  const { body, runs } = await counter(client);
  // One that came now would bring its claim back to life.
  const renewals = faulty.database.intercept(at.keepKey, { kind: "answer", status: 503 }, Infinity);
  const held = faulty.database.intercept(at.send, { kind: "hold" });
  const slow = refused(client, "execute-code", body);
  await held.reached();
  await faulty.sql`update copilot_internal.idempotency_keys set alive_until = clock_timestamp()
    where idempotency_key = ${body.idempotency_key}`;
  assert.equal((await invoke(client, "execute-code", body)).execution.results[0].text, "1");
  renewals.end();
  held.release();
  assert.deepEqual([(await slow).body.code, (await slow).body.retryable], ["execution_running", true]);
  assert.equal(await runs(), "1");
});

Deno.test("one whose connection broke while it ran is not run again", async () => {
  const client = await user(faulty.stack);
  const { body, runs } = await counter(client);
  faulty.proxy.intercept(at.execute, { kind: "drop", when: "after" });
  const first = await refused(client, "execute-code", body);
  const repeat = await refused(client, "execute-code", body);
  for (const { body: told } of [first, repeat]) {
    assert.deepEqual([told.code, told.retryable], ["execution_lost", false]);
  }
  assert.equal(await runs(), "1");
});

Deno.test("one whose process died says so, and is not run again", async () => {
  const client = await user(faulty.stack);
  const { path, runs } = await counter(client);
  const body = {
    ...path,
    code: "runs += 1; console.log('begun'); await sleep(60_000)",
    idempotency_key: crypto.randomUUID(),
  };
  const events = await stream(client, body);
  await events.until("stdout");
  await Promise.all(faulty.stack.functions.processes.map((process) => process.restart()));
  await assert.rejects(events.rest());
  // Within the time that a claim outlives its process.
  const repeat = await refused(client, "execute-code", body);
  assert.deepEqual([repeat.status, repeat.body.code, repeat.body.retryable], [502, "execution_lost", false]);
  assert.equal(await runs(), "1");
});

Deno.test("one that runs longer than its claim's lease is still one", async () => {
  const client = await user(faulty.stack);
  const { path, runs } = await counter(client);
  const body = {
    ...path,
    code: "runs += 1; console.log('begun'); await sleep(12_000); runs",
    idempotency_key: crypto.randomUUID(),
  };
  const events = await stream(client, body);
  await events.until("stdout");
  const attached = await invoke(client, "execute-code", body);
  assert.equal(attached.execution.results[0].text, "1");
  assert.equal(await runs(), "1");
});

Deno.test("an attached caller who leaves stops nobody", async () => {
  const client = await user(faulty.stack);
  const { path, runs } = await counter(client);
  const body = {
    ...path,
    code: "runs += 1; console.log('begun'); await sleep(1_000); runs",
    idempotency_key: crypto.randomUUID(),
  };
  const first = await stream(client, body);
  await first.until("stdout");
  const abort = new AbortController();
  const asked = () => faulty.database.requests.filter(at.claimKey).length;
  const before = asked();
  const attached = stream(client, body, { signal: abort.signal }).catch(() => {});
  await eventually("it waits", () => asked() > before);
  abort.abort();
  await attached;
  assert.equal((await first.until("result")).data.text, "1");
  assert.equal(await runs(), "1");
});

Deno.test("a key is a tenant's own", async () => {
  const body = { ...newPath(), ...quick, code: "'mine'", idempotency_key: "shared" };
  const answers = [];
  for (const client of [await user(faulty.stack), await user(faulty.stack)]) {
    answers.push(await invoke(client, "execute-code", body));
  }
  assert.deepEqual(answers.map(({ replayed }) => replayed), [false, false]);
  assert.notEqual(answers[0].context.id, answers[1].context.id);
});

Deno.test("a user who repeats a service's request does not see the sandbox", async () => {
  const tenant_id = crypto.randomUUID();
  const client = await user(faulty.stack, tenant_id);
  const user_id = await idOf(client);
  const body = { ...newPath(), ...quick, code: "1", idempotency_key: "service" };
  const first = await invoke(service(faulty.stack), "execute-code", { ...body, tenant_id, user_id });
  const repeat = await invoke(client, "execute-code", body);
  assert(first.context.sandbox_id);
  assert.equal(repeat.replayed, true);
  assert(!JSON.stringify(repeat).includes(first.context.sandbox_id));
});

Deno.test("a key that has had its time is a new one", async () => {
  const client = await user(faulty.stack);
  const { body, runs } = await counter(client);
  await invoke(client, "execute-code", body);
  await faulty.sql`update copilot_internal.idempotency_keys set expires_at = clock_timestamp()
    where idempotency_key = ${body.idempotency_key}`;
  assert.equal((await invoke(client, "execute-code", body)).replayed, false);
  assert.equal(await runs(), "2");
});

Deno.test("when the database could not keep the answer, its caller has it all the same", async () => {
  const client = await user(faulty.stack);
  const { body, runs } = await counter(client);
  // As often as it is asked for.
  const fault = faulty.database.intercept(at.keepAnswer, { kind: "answer", status: 503 }, 3);
  const first = await invoke(client, "execute-code", body);
  assert.equal(first.execution.status, "ok");
  await eventually("it was asked for as often", () => fault.left() === 0);
  // Nobody knows the answer any more, so nobody gets another one.
  await eventually("a repeat is told so", async () => {
    const { error, response } = await client.functions.invoke("execute-code", { body });
    return error !== null && response !== undefined && (await response.json()).code === "execution_lost";
  });
  assert.equal(await runs(), "1");
});
