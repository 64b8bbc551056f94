/** Connections break and services fail on the client's way: each call ends in one whole answer, and code runs once. */
import assert from "node:assert/strict";
import { type Execution, executionContexts, ExecutionContextsError, type ToldEvent } from "../../client/mod.ts";
import { newPath, service, user } from "../support/clients.ts";
import { inFakeTime } from "../support/fake_time.ts";
import { at, quick, useFaultyStack } from "../support/faulty_stack.ts";
import { eventually } from "../support/settle.ts";
import { shared } from "../support/shared.ts";
import { startCuttingProxy } from "./cutting_proxy.ts";

const faulty = useFaultyStack();
const cutting = shared(async (parts) =>
  parts.adopt(await startCuttingProxy(faulty.stack.apiUrl), ({ stop }) => stop())
);

/** A path by a connection that can be cut, whose kernel counts what runs there. */
async function countingPath() {
  const client = await user({ ...faulty.stack, apiUrl: cutting().url });
  const path = executionContexts(client).path(newPath());
  await path.execute("var runs = 0; const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))", quick);
  return { path, runs: async () => (await path.execute("runs", quick)).execution.results[0]?.text };
}

const TALK = "runs += 1; for (let i = 0; i < 20; i++) { console.log('line ' + i); await sleep(20); } 'the result'";
const LINES = Array.from({ length: 20 }, (_, i) => `line ${i}\n`).join("");

function textIn(told: readonly ToldEvent[]): string {
  return told.map((event) => event.event === "stdout" ? event.data.text : "").join("");
}

for (
  const [where, text] of [["at its beginning", "event: context"], ["in the middle", "line 7"], [
    "before its end",
    "event: result",
  ]] as const
) {
  Deno.test(`a stream that is cut ${where} ends in one whole result, of one run`, async () => {
    const { path, runs } = await countingPath();
    const before = cutting().cuts;
    cutting().cutAt(text);
    const execution = path.execute(TALK, quick);
    const told = await Array.fromAsync(execution);
    const { execution: result, replayed } = await execution;
    assert.equal(cutting().cuts, before + 1);
    assert.deepEqual([textIn(told), result.stdout], [LINES, LINES]);
    assert.deepEqual(told.filter(({ event }) => event === "result" || event === "end").length, 2);
    assert.deepEqual(told.filter(({ event }) => event === "context").length, 1);
    assert.deepEqual([result.status, result.results[0]?.text, replayed], ["ok", "the result", true]);
    assert.equal(await runs(), "1");
  });
}

Deno.test("a stream that is cut again and again ends, too", async () => {
  const { path, runs } = await countingPath();
  const before = cutting().cuts;
  cutting().cutAt("event: ", { times: 4 });
  const { execution } = await path.execute(TALK, quick);
  assert.equal(cutting().cuts, before + 4);
  assert.deepEqual([execution.stdout, execution.status], [LINES, "ok"]);
  assert.equal(await runs(), "1");
});

Deno.test("what the code raised is told once, also where that was when the stream was cut", async () => {
  const { path, runs } = await countingPath();
  const before = cutting().cuts;
  cutting().cutAt("event: error");
  const execution = path.execute("runs += 1; throw new TypeError('no')", quick);
  const told = await Array.fromAsync(execution);
  assert.equal(cutting().cuts, before + 1);
  assert.equal(told.filter(({ event }) => event === "error").length, 1);
  assert.equal((await execution).execution.error?.name, "TypeError");
  assert.equal(await runs(), "1");
});

Deno.test("an answer that gets lost is asked for again, and nothing is made twice", async () => {
  const client = await user({ ...faulty.stack, apiUrl: cutting().url });
  const path = executionContexts(client).path(newPath());
  const created = faulty.provider.sandboxes().length;
  cutting().cutAt("HTTP/1.1 200", { arrives: false });
  const { was_created, context } = await path.acquire();
  assert.equal(was_created, false);
  assert.equal(faulty.provider.sandboxes().length, created + 1);
  cutting().cutAt("HTTP/1.1 200", { arrives: false });
  const before = cutting().cuts;
  await path.terminate();
  assert.equal(cutting().cuts, before + 1);
  assert.notEqual((await path.acquire()).context.id, context.id);
});

Deno.test("errors that pass are tried against, and the others are not", async () => {
  const client = await user(faulty.stack);
  const path = executionContexts(client).path(newPath());
  faulty.proxy.intercept(at.create, { kind: "answer", status: 503 }, 2);
  assert.equal((await path.execute("1 + 1", quick)).execution.results[0]?.text, "2");

  const hopeless = executionContexts(client).path(newPath());
  const refusal = faulty.proxy.intercept(at.create, { kind: "answer", status: 401 }, 3);
  await assert.rejects(hopeless.execute("1", quick), { code: "misconfigured", retryable: false });
  assert.equal(refusal.left(), 2);
  refusal.end();
});

Deno.test("who wants no retries is told at once, and who waits can be told to stop", async () => {
  const client = await user(faulty.stack);
  const outage = faulty.proxy.intercept(at.create, { kind: "answer", status: 503 }, 100);
  await assert.rejects(executionContexts(client, { retrySeconds: 0 }).path(newPath()).acquire(), (error) => {
    assert(error instanceof ExecutionContextsError);
    assert.deepEqual([error.code, error.status, error.retryable], ["sandbox_unavailable", 503, true]);
    return true;
  });
  const stop = new AbortController();
  const waits = executionContexts(client, { retrySeconds: 1000 }).path(newPath()).acquire({ signal: stop.signal });
  const left = outage.left();
  await eventually("it has been tried twice", () => outage.left() < left - 1);
  stop.abort(new Error("enough"));
  await assert.rejects(waits, /enough/);
  outage.end();
});

Deno.test("patience is for what makes no progress: a long run is taken up at its end, too", async () => {
  const client = await user({ ...faulty.stack, apiUrl: cutting().url });
  const path = executionContexts(client, { retrySeconds: 1 }).path(newPath());
  cutting().cutAt("late");
  const code =
    "for (let i = 0; i < 8; i++) { console.log(i); await new Promise((resolve) => setTimeout(resolve, 250)); }";
  const { execution } = await path.execute(`${code} console.log("late"); "the end"`, quick);
  assert.equal(execution.results[0]?.text, "the end");
});

for (
  const [how, stop] of [
    ["cancelled", (running: Execution) => running.cancel()],
    ["aborted", (_: Execution, signal: AbortController) => Promise.resolve(signal.abort(new Error("stopped")))],
  ] as const
) {
  Deno.test(`a run that is ${how} before the functions know of it is stopped when they do`, async () => {
    const { path } = await countingPath();
    const held = faulty.database.intercept(at.claimKey, { kind: "hold" });
    const signal = new AbortController();
    const marked = faulty.database.answered.length;
    const running = path.execute("import time\nwhile True: time.sleep(0.01)", { signal: signal.signal });
    const ended = running.then<string, string>(({ execution }) => execution.status, String);
    await held.reached();
    const stopped = stop(running, signal);
    const stops = () => faulty.database.answered.slice(marked).filter(({ path }) => path.endsWith("stop_executions"));
    await eventually("it is stopped for the first time, in vain", () => stops().length > 0);
    held.release();
    await stopped;
    const status = await ended;
    assert.match(status, how === "aborted" ? /^Error: stopped$/ : /cancelled|stopped by/);
    // Else this would wait for its kernel, up to the time limit.
    const { execution } = await path.execute("'free'");
    assert.equal(execution.results[0]?.text, "free");
    await eventually("it is stopped again", () => stops().length > 1);
  });
}

Deno.test("what is cancelled while it waits to be tried again is not sent any more", async () => {
  const { path } = await countingPath();
  let sent = 0;
  const functions = {
    invoke: (name: string) => {
      if (name === "terminate-context") return Promise.resolve({ data: { cancelled: 0 }, error: null });
      sent++;
      const context = Response.json({ code: "context_busy", message: "Busy.", retryable: true }, { status: 503 });
      return Promise.resolve({ data: null, error: Object.assign(new Error(), { context }) });
    },
  };
  const running = executionContexts({ functions }).path({ conversation_id: path.conversation_id, path_id: "other" })
    .execute("1");
  await eventually("it has been refused", () => sent === 1);
  await running.cancel();
  await assert.rejects(running, { code: "cancelled" });
  assert(sent <= 2);
});

Deno.test("where nobody listens, the error says so", async () => {
  const nowhere = await startCuttingProxy(faulty.stack.apiUrl);
  await nowhere.stop();
  const client = service({ ...faulty.stack, apiUrl: nowhere.url });
  const path = executionContexts(client, { retrySeconds: 0 }).path({ ...newPath(), tenant_id: "acme" });
  await assert.rejects(path.acquire(), { code: "network", status: null, retryable: true });
  await assert.rejects(path.execute("1"), { code: "network", status: null, retryable: true });
});

Deno.test("a stream that is silent is taken for one that broke", async () => {
  await inFakeTime(async (pass) => {
    let sent = 0;
    const silent = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode(": keep-alive\n\n")),
    });
    const functions = {
      invoke: () => {
        sent++;
        const headers = { "content-type": "text/event-stream" };
        return Promise.resolve({ data: new Response(silent, { headers }), error: null });
      },
    };
    const path = executionContexts({ functions }, { retrySeconds: 0 }).path(newPath());
    const rejected = assert.rejects(path.execute("1").then(), { code: "network", retryable: true });
    await pass(16_000);
    await rejected;
    assert.equal(sent, 1);
  });
});
