/** With `Accept: text/event-stream`, execute-code tells what happens as it happens. */
import assert from "node:assert/strict";
import { invoke, newPath, refused, service, user } from "../support/clients.ts";
import { stream, text } from "../support/event_stream.ts";
import { at, quick, useFaultyStack } from "../support/faulty_stack.ts";
import { killBehindOurBack } from "../support/provider.ts";

const faulty = useFaultyStack();

const cell = `
import sys
print("one")
display("shown")
print("two", file=sys.stderr)
print("three")
1 / 0`;

Deno.test("events come in the order of what happened, and hold what the JSON answer holds", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const events = await (await stream(client, { ...path, code: cell })).rest();
  assert.deepEqual(events.map(({ event }) => event), [
    "context",
    "stdout",
    "result",
    "stderr",
    "stdout",
    "error",
    "end",
  ]);
  const [context, , result, , , error, end] = events.map(({ data }) => data);
  assert.equal(context.was_created, true);

  const answer = await invoke(client, "execute-code", { ...path, code: cell });
  const { stdout, stderr, results, error: raised, ...rest } = answer.execution;
  assert.equal(text(events, "stdout"), stdout);
  assert.equal(text(events, "stderr"), stderr);
  assert.deepEqual([result], results);
  assert.equal(error.name, raised?.name);
  assert.deepEqual(Object.keys(end).sort(), [...Object.keys(rest), "error", "replayed", "state_id"].sort());
  assert.equal(end.status, "error");
  assert.equal(end.execution_count, 1);
});

Deno.test("the context is told before the code has begun", async () => {
  const client = await user(faulty.stack);
  const held = faulty.proxy.intercept(at.execute, { kind: "hold" });
  const events = await stream(client, { ...newPath(), ...quick, code: "1" });
  await held.reached();
  assert.equal((await events.next())?.event, "context");
  held.release();
  assert.equal((await events.next())?.event, "result");
});

Deno.test("output comes while the code runs", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  await invoke(client, "execute-code", { ...path, ...quick, code: "const forever = () => new Promise(() => {})" });
  const events = await stream(client, { ...path, ...quick, code: "console.log('begun'); await forever()" });
  // It never ends by itself.
  assert.equal((await events.until("stdout")).data.text, "begun\n");
  await events.cancel();
});

Deno.test("a stream that has nothing to say says so, so that nothing on the way closes it", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  await invoke(client, "execute-code", { ...path, ...quick, code: "1" });
  const commented = Promise.withResolvers<void>();
  const held = faulty.proxy.intercept(at.execute, { kind: "hold" });
  const events = await stream(client, { ...path, ...quick, code: "2" }, { onComment: commented.resolve });
  const rest = events.rest();
  await Promise.race([commented.promise, rest]);
  held.release();
  assert.deepEqual((await rest).map(({ event }) => event), ["context", "result", "end"]);
  assert(events.comments >= 1);
});

Deno.test("a stream whose context takes long begins all the same", async () => {
  const client = await user(faulty.stack);
  const held = faulty.proxy.intercept(at.create, { kind: "hold" });
  const begun = stream(client, { ...newPath(), ...quick, code: "1" });
  await held.reached();
  const events = await begun;
  held.release();
  assert.deepEqual((await events.rest()).map(({ event }) => event), ["context", "result", "end"]);
  assert(events.comments >= 1);
});

Deno.test("a failure before the first event is an HTTP error, as without a stream", async () => {
  const client = await user(faulty.stack);
  const headers = { Accept: "text/event-stream" };
  faulty.proxy.intercept(at.create, { kind: "answer", status: 429 });
  const { error, response } = await client.functions.invoke("execute-code", {
    headers,
    body: { ...newPath(), ...quick, code: "1" },
  });
  assert(error && response);
  assert.equal(response.status, 429);
  assert.equal((await response.json()).code, "rate_limited");
});

Deno.test("a failure after it is an event of its own, with the same code", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const { context } = await invoke(client, "execute-code", {
    ...path,
    ...quick,
    code: "const forever = () => new Promise(() => {})",
  });
  const events = await stream(client, { ...path, ...quick, code: "console.log(1); await forever()" });
  await events.until("stdout");
  await killBehindOurBack(faulty.provider, context.id);
  const [last, ...more] = await events.rest();
  assert.deepEqual(more, []);
  assert.equal(last.event, "failure");
  assert.deepEqual([last.data.code, last.data.retryable], ["execution_lost", false]);
});

Deno.test("a sandbox that is replaced before it took the code is told again", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const { context } = await invoke(client, "execute-code", { ...path, ...quick, code: "1" });
  const held = faulty.proxy.intercept(at.execute, { kind: "hold" });
  const events = await stream(client, { ...path, ...quick, code: "2" });
  await held.reached();
  await killBehindOurBack(faulty.provider, context.id);
  held.release();
  const all = await events.rest();
  assert.deepEqual(all.map(({ event }) => event), ["context", "context", "result", "end"]);
  assert.deepEqual(all.slice(0, 2).map(({ data }) => data.was_created), [false, true]);
});

Deno.test("long output: the stream's texts, joined, are what the JSON answer has", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const code = "for i in range(30_000): print(i)";
  const events = await (await stream(client, { ...path, code })).rest();
  const { execution } = await invoke(client, "execute-code", { ...path, code });
  assert.equal(text(events, "stdout"), execution.stdout);
  assert.deepEqual(events.at(-1)?.data.truncated, execution.truncated);
  assert(execution.truncated);
});

Deno.test("services see the sandbox in a stream too, users do not", async () => {
  const tenant_id = crypto.randomUUID();
  const path = newPath();
  const client = await user(faulty.stack, tenant_id);
  const [told] = await (await stream(client, { ...path, ...quick, code: "1" })).rest();
  const [toldService] = await (await stream(service(faulty.stack), { ...path, ...quick, tenant_id, code: "1" })).rest();
  assert(!JSON.stringify(told.data).includes("sandbox_id"));
  assert(JSON.stringify(toldService.data).includes("sandbox_id"));
});

Deno.test("the other functions answer JSON, whatever is accepted", async () => {
  const client = await user(faulty.stack);
  const { data } = await client.functions.invoke("acquire-context", {
    headers: { Accept: "text/event-stream, application/json" },
    body: newPath(),
  });
  assert.equal(data.was_created, true);
  const answer = await refused(client, "acquire-context", {});
  assert.equal(answer.status, 400);
});
