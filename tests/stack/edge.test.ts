import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { spawnChild } from "../../local/child.ts";
import { throughHops } from "../../local/functions/edge/hops.ts";
import { listFunctions } from "../../local/functions/project.ts";
import { inherited } from "../../local/functions/environment.ts";
import { edgeRuntime } from "../../local/functions/runtime.ts";
import { REPOSITORY } from "../../local/repository.ts";
import { serve } from "../../local/serve.ts";
import type { Stack, StackOptions } from "../../local/stack.ts";
import { readCommand } from "../../local/start_command.ts";
import { needing } from "../support/needs.ts";
import { eventually } from "../support/settle.ts";
import { MIGRATIONS, startFixture } from "./fixture.ts";

const FUNCTIONS = fileURLToPath(new URL("fixtures/edge_functions", import.meta.url));
const { test } = await needing("Linux's /proc");

/** A directory with one function, called as the fixture's is. */
async function makeFunction(source: string): Promise<AsyncDisposable & { readonly directory: string }> {
  const directory = await Deno.makeTempDir();
  await Deno.mkdir(join(directory, "works"));
  await Deno.writeTextFile(join(directory, "works", "index.ts"), source);
  return { directory, [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }) };
}

interface Edge extends AsyncDisposable {
  readonly stack: Stack;
  /** What the function has printed, and what was said of its workers. */
  readonly log: readonly string[];
}

async function startEdge(options: StackOptions = {}): Promise<Edge> {
  const log: string[] = [];
  const stack = await startFixture({
    functionsDirectory: FUNCTIONS,
    runtime: "edge",
    onLog: (line) => log.push(line),
    ...options,
  });
  return { stack, log, [Symbol.asyncDispose]: stack.stop };
}

function call({ stack }: Edge, path: string, signal?: AbortSignal): Promise<Response> {
  return fetch(`${stack.apiUrl}/functions/v1/works/${path}`, { method: "POST", body: "{}", signal });
}

async function json(edge: Edge, path: string) {
  const response = await call(edge, path);
  assert.equal(response.status, 200);
  return await response.json();
}

/** The number of the process of the worker that takes requests now. */
const who = async (edge: Edge): Promise<number> => (await json(edge, "who")).pid;

/** Limits under which a worker retires on demand, and has all the time that it needs after that. */
const RETIRES_BY_CPU = { cpuSoftMilliseconds: 300, cpuHardMilliseconds: 600_000 };

/** Has the worker that takes requests now retire. */
async function retire(edge: Edge): Promise<void> {
  const pid = await who(edge);
  await eventually("another worker takes the requests", async () => {
    // Of the time that a worker has so, a busy machine gives it a part.
    await json(edge, `spend?number=${RETIRES_BY_CPU.cpuSoftMilliseconds}`);
    return await who(edge) !== pid;
  });
}

const printed = ({ log }: Edge, text: string) => eventually(text, () => log.some((line) => line.includes(text)));

async function assertOver(response: Response): Promise<void> {
  assert.equal(response.status, 546);
  assert.equal(response.headers.get("sb-error-code"), "WORKER_RESOURCE_LIMIT");
  assert.equal((await response.json()).code, "WORKER_LIMIT");
}

const isAlive = (pid: number) => Deno.stat(`/proc/${pid}`).then(() => true, () => false);

test("a function runs on the platform's Deno; what it throws is the runtime's error, and what kills it kills its workers", async () => {
  await using edge = await startEdge();
  const { deno, pid } = await json(edge, "who");
  assert.equal(deno, "2.1.4");

  const failed = await call(edge, "fails");
  assert.equal(failed.status, 500);
  assert.equal(await failed.text(), "Internal Server Error");
  await printed(edge, "failed in the handler");
  assert.equal(await who(edge), pid);

  const [process] = edge.stack.functions.processes;
  assert(process !== undefined);
  await process.kill();
  await eventually("the worker is gone with it", async () => !await isAlive(pid));
  await process.restart();
  const restarted = await who(edge);
  assert.notEqual(restarted, pid);
  await edge.stack.stop();
  assert(!await isAlive(restarted));
});

test("one that cannot be imported is told of at the start", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.mkdir(join(directory, "broken"));
    await Deno.writeTextFile(join(directory, "broken", "index.ts"), "throw new Error('cannot be imported');");
    await assert.rejects(
      startEdge({ functionsDirectory: directory }),
      /Starting the functions failed: [^]*The function broken cannot be loaded[^]*cannot be imported/,
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

test("at half of its wall clock a worker gets no more requests; before its end it is told, and it ends with what runs", async () => {
  await using edge = await startEdge({ limits: { wallClockSeconds: 20 } });
  const first = await who(edge);
  const [streaming, waiting] = [await call(edge, "stream"), call(edge, "never")];
  await eventually("another worker takes the requests", async () => await who(edge) !== first);
  await printed(edge, `beforeunload wall_clock in ${first}`);
  await assertOver(await waiting);
  await assert.rejects(streaming.text());
  await eventually("it has ended", async () => !await isAlive(first));
});

test("a plan is told to the functions, unless their own environment tells another", async () => {
  const app = { migrationsDirectory: MIGRATIONS, functions: await listFunctions(FUNCTIONS) };
  for (
    const [options, granted] of [
      [{ plan: "free" }, "150"],
      [{ plan: "paid" }, "400"],
      [{ plan: "paid", app: { ...app, env: { WORKER_SECONDS: "200" } } }, "200"],
    ] as const satisfies [StackOptions, string][]
  ) {
    await using edge = await startEdge(options);
    assert.equal(await json(edge, "granted"), granted);
  }
});

Deno.test("the runtime edge is a paid plan's where none is named, and the other runtime has none", () => {
  const plans = [[], ["--runtime", "edge"], ["--runtime", "edge", "--plan", "free"]].map((args) => {
    const command = readCommand(args);
    assert(command.outcome === "run");
    return command.flags.plan;
  });
  assert.deepEqual(plans, [undefined, "paid", "free"]);
});

test("one that has retired ends when it has nothing to do; waitUntil keeps it", async () => {
  const asked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<Response>();
  const gate = await serve({ onError: (error) => new Response(String(error), { status: 500 }) }, () => {
    asked.resolve();
    return release.promise;
  });
  try {
    await using edge = await startEdge({
      limits: RETIRES_BY_CPU,
      env: { GATE: `http://127.0.0.1:${gate.port}` },
    });
    const { pid: busy } = await json(edge, "later");
    await asked.promise;
    await retire(edge);
    assert(await isAlive(busy));
    assert(!edge.log.some((line) => line.includes("beforeunload")));
    release.resolve(new Response());
    await printed(edge, `beforeunload early_drop in ${busy}`);
    await eventually("it has ended", async () => !await isAlive(busy));
  } finally {
    release.resolve(new Response());
    await gate.stop();
  }
});

test("one that has retired sends its answers to their end", async () => {
  await using edge = await startEdge({ limits: RETIRES_BY_CPU });
  const response = await call(edge, "large?number=32");
  await retire(edge);
  assert.equal((await response.arrayBuffer()).byteLength, 32 * 1024 * 1024);
});

test("over its CPU time, a worker ends with all its requests, told before where it listens", async () => {
  await using edge = await startEdge({ limits: { cpuSoftMilliseconds: 500, cpuHardMilliseconds: 2000 } });
  for (const path of ["compute", "loop"]) {
    const pid = await who(edge);
    const waiting = call(edge, "never");
    await assertOver(await call(edge, path));
    await assertOver(await waiting);
    assert.equal(edge.log.some((line) => line.includes(`beforeunload cpu in ${pid}`)), path === "compute");
    assert.notEqual(await who(edge), pid);
  }
});

test("a function whose import takes more CPU time than a worker gets requests for is answered, each time by another", async () => {
  await using spinning = await makeFunction(`
    for (let turns = 0; turns < 1e9; turns++);
    export default { fetch: () => Response.json({ pid: Deno.pid }) };
  `);
  await using edge = await startEdge({
    functionsDirectory: spinning.directory,
    limits: { cpuSoftMilliseconds: 20, cpuHardMilliseconds: 60_000 },
  });
  const [first, second] = [await who(edge), await who(edge)];
  assert.notEqual(first, second);
  await eventually("both have ended", async () => !await isAlive(first) && !await isAlive(second));
});

test("one that spins while it is imported ends with its main worker", async () => {
  await using spinning = await makeFunction("console.log(`pid ${Deno.pid}`); for (;;);");
  const runtime = await edgeRuntime({ cpuSoftMilliseconds: 600_000, cpuHardMilliseconds: 600_000 });
  let pid: number | undefined;
  try {
    const [group] = await listFunctions(spinning.directory);
    assert(group !== undefined);
    const [command, ...args] = runtime.commandOf(group);
    const env = inherited(["DENO_DIR", "XDG_CACHE_HOME", "HOME"]);
    const main = spawnChild({ name: "The main worker", command, args, cwd: REPOSITORY, env });
    pid = Number(await main.line((line) => /^pid (\d+)$/.exec(line)?.[1]));
    await main.stop();
    await eventually("it has ended", async () => !await isAlive(Number(pid)));
  } finally {
    if (pid !== undefined && await isAlive(pid)) Deno.kill(pid, "SIGKILL");
    await runtime.stop();
  }
});

test("over its memory, a worker is told, and ends", async () => {
  const memoryMebibytes = 128;
  await using edge = await startEdge({ limits: { memoryMebibytes } });
  const pid = await who(edge);
  await assertOver(await call(edge, `hold?number=${memoryMebibytes}`));
  await printed(edge, `beforeunload memory in ${pid}`);
  assert.notEqual(await who(edge), pid);
});

test("one that does not begin to answer is given up", async () => {
  await using edge = await startEdge({ limits: { idleSeconds: 6 } });
  const pid = await who(edge);
  const response = await call(edge, "never");
  assert.equal(response.status, 504);
  assert.equal((await response.json()).code, "IDLE_TIMEOUT");
  assert.equal(await who(edge), pid);
});

test("one that has begun to answer may take longer than that", async () => {
  await using edge = await startEdge({ limits: { idleSeconds: 6 } });
  const streaming = await call(edge, "stream");
  // Answered when so much time has passed since the stream began.
  assert.equal((await call(edge, "never")).status, 504);
  await json(edge, "end");
  assert.equal(await streaming.text(), "piece\nlast piece\n");
});

test("of a caller who leaves, a stream hears when it has written twice in vain, and a plain answer never", async () => {
  await using edge = await startEdge();
  const leaving = new AbortController();
  const plain = call(edge, "never", leaving.signal).catch(() => {});
  await eventually("the plain call has begun", async () => (await json(edge, "write")).length === 1);
  const streaming = await call(edge, "stream", leaving.signal);
  await streaming.body?.getReader().read();
  leaving.abort();
  await plain;
  const states: { isAborted: boolean; isCancelled: boolean }[][] = [];
  await eventually("the stream has heard", async () => {
    states.push(await json(edge, "write"));
    return states.at(-1)?.[1]?.isAborted === true;
  });
  assert(states.length > 2, "it heard before it had written twice");
  assert.deepEqual(states.at(-1), [{ isAborted: false, isCancelled: false }, { isAborted: true, isCancelled: true }]);
});

Deno.test("two hops pass a body on as it comes, and lose two pieces before its source hears that nobody reads", async () => {
  const source = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
  const pieces = source.writable.getWriter();
  let noticed: unknown;
  const { body, over } = throughHops(source.readable, (reason) => noticed = reason);
  const reader = body.getReader();
  pieces.write(new Uint8Array([1]));
  assert.deepEqual((await reader.read()).value, new Uint8Array([1]));

  await reader.cancel("left");
  await pieces.write(new Uint8Array([2]));
  assert.equal(noticed, undefined);
  await pieces.write(new Uint8Array([3]));
  await assert.rejects(pieces.closed);
  assert.equal(noticed, "left");
  await over;
});

Deno.test("two hops tell nothing to a body that ends first", async () => {
  const source = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
  const pieces = source.writable.getWriter();
  const { body, over } = throughHops(source.readable, () => assert.fail("it was told"));
  await body.cancel("left");
  await pieces.write(new Uint8Array([1]));
  await pieces.close();
  await over;
});
