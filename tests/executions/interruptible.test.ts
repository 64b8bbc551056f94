/** A run and its interrupt, step by step: whichever comes first, the run is told as what it was, and nothing is sent late. */
import assert from "node:assert/strict";
import { runUntil } from "../../supabase/functions/_shared/executions/interruptible.ts";
import { RunMemory } from "../../supabase/functions/_shared/executions/run_memory.ts";
import { Transcript } from "../../supabase/functions/_shared/executions/transcript.ts";
import { executeRequestSchema } from "../../supabase/functions/_shared/contract/execute_code.ts";

const ENTRY = { executionId: "e", contextId: "c", claimedAt: "now", language: "python" as const };

const OUTPUT_BYTES = 10_000;

/** The kernels, in a body of bytes as the network's are. */
const kernels = () =>
  new Response(
    new ReadableStream({
      type: "bytes",
      start: (controller) => {
        controller.enqueue(new TextEncoder().encode(JSON.stringify([{ id: "k", language: "python" }])));
        controller.close();
      },
    }),
  );

/** A run that has begun, in a kernel whose every answer is given by the test. */
function begin() {
  const [hold, list, told] = [
    Promise.withResolvers<string | null>(),
    Promise.withResolvers<Response>(),
    Promise.withResolvers<Response>(),
  ];
  const steps: string[] = [];
  const stop = new AbortController();
  const end = new AbortController();
  const output = Promise.withResolvers<ReadableByteStreamController>();
  let isOpen = true;
  const stream = new ReadableStream({ type: "bytes", start: (controller) => output.resolve(controller) });
  const say = async (message: object) =>
    (await output.promise).enqueue(new TextEncoder().encode(`${JSON.stringify(message)}\n`));
  const fail = async (why: string) => (await output.promise).error(new Error(why));
  const released = Promise.withResolvers<void>();
  const never = new AbortController().signal;
  let begunAt: number | undefined;
  const hasBegun = Promise.withResolvers<void>();
  const ending = runUntil(
    stop.signal,
    {
      call: {
        ending: end.signal,
        executions: {
          holdKernel: () => (steps.push("hold"), hold.promise),
          releaseKernel: () => (steps.push("release"), released.resolve(), Promise.resolve(true)),
        },
        config: { execution: { outputBytes: OUTPUT_BYTES } },
      },
      request: executeRequestSchema.parse({ conversation_id: "c", path_id: "p", code: "1" }),
      memory: new RunMemory(),
      stopped: stop.signal,
      gone: never,
    },
    {
      execute: (_body, signal) => {
        signal.addEventListener("abort", () => {
          steps.push("drop");
          if (isOpen) void fail("dropped");
          isOpen = false;
        });
        return Promise.resolve(new Response(stream));
      },
      listKernels: () => (steps.push("list"), list.promise),
      interruptKernel: () => (steps.push("interrupt"), told.promise),
    },
    ENTRY,
    {
      begin: () => {
        begunAt ??= performance.now();
        hasBegun.resolve();
      },
      get begunAt() {
        return begunAt;
      },
    },
    new Transcript(() => Promise.resolve(), () => Promise.resolve(true)),
  );
  const start = async () => {
    await say({ type: "number_of_executions", execution_count: 1 });
    await hasBegun.promise;
  };
  return {
    steps,
    start,
    stop: async () => {
      await start();
      stop.abort();
    },
    /** Says as much as is read of it, and begins, if it has not. */
    flood: () => say({ type: "stdout", text: "x".repeat(OUTPUT_BYTES) }),
    end: () => say({ type: "end_of_execution" }),
    /** Its connection, by itself. */
    break: () => fail("broken"),
    hold,
    list,
    told,
    released: released.promise,
    ending,
  };
}

/** Lets what is ready to go on do so. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("it is interrupted, yields, and lets others begin", async () => {
  const run = begin();
  await run.stop();
  run.hold.resolve("until");
  run.list.resolve(kernels());
  run.told.resolve(new Response(null, { status: 204 }));
  await settled();
  await run.end();
  assert.deepEqual(await run.ending, { outcome: "yielded", reason: "stopped" });
  await run.released;
  assert.deepEqual(run.steps.slice(0, 3), ["hold", "list", "interrupt"]);
});

for (const step of ["hold", "list"] as const) {
  Deno.test(`it ends by itself before the interrupt is sent: ${step}`, async () => {
    const run = begin();
    await run.stop();
    if (step === "list") run.hold.resolve("until");
    await settled();
    await run.end();
    assert.deepEqual(await run.ending, { outcome: "ended" });
    run.hold.resolve("until");
    run.list.resolve(kernels());
    await run.released;
    assert(!run.steps.includes("interrupt"), run.steps.join());
  });
}

Deno.test("its connection breaks while the interrupt is prepared: that is not sent", async () => {
  const run = begin();
  await run.stop();
  await settled();
  const lost = assert.rejects(run.ending, { code: "execution_lost" });
  await run.break();
  await lost;
  run.hold.resolve("until");
  run.list.resolve(kernels());
  await run.released;
  assert(!run.steps.includes("interrupt"), run.steps.join());
});

Deno.test("another could be hit, or nobody listens: its connection is dropped", async () => {
  const [crowded, deaf] = [begin(), begin()];
  for (const run of [crowded, deaf]) await run.stop();
  crowded.hold.resolve(null);
  assert.deepEqual(await crowded.ending, { outcome: "dropped", reason: "stopped" });
  assert.deepEqual(crowded.steps, ["hold", "drop"]);

  deaf.hold.resolve("until");
  deaf.list.resolve(kernels());
  deaf.told.resolve(new Response(null, { status: 502 }));
  assert.deepEqual(await deaf.ending, { outcome: "dropped", reason: "stopped" });
  await deaf.released;
});

Deno.test("nobody knows whether the interrupt came: its connection is dropped, and others wait for the hold's end", async () => {
  const run = begin();
  await run.stop();
  run.hold.resolve("until");
  run.list.resolve(kernels());
  run.told.reject(new TypeError("broken"));
  assert.deepEqual(await run.ending, { outcome: "dropped", reason: "stopped" });
  await settled();
  assert(!run.steps.includes("release"), run.steps.join());
});

Deno.test("it says more than is read: it is interrupted, others may begin, and its connection is dropped", async () => {
  const run = begin();
  await run.start();
  await run.flood();
  await settled();
  assert.deepEqual(run.steps, ["hold"]);
  run.hold.resolve("until");
  run.list.resolve(kernels());
  await settled();
  run.told.resolve(new Response(null, { status: 204 }));
  assert.deepEqual(await run.ending, { outcome: "dropped", reason: "output_limit" });
  await run.released;
  assert.deepEqual(run.steps, ["hold", "list", "interrupt", "release", "drop"]);
});

Deno.test("it says more than is read while it is interrupted: what it was stopped by is what it is told as", async () => {
  const run = begin();
  await run.stop();
  run.hold.resolve("until");
  run.list.resolve(kernels());
  await run.flood();
  run.told.resolve(new Response(null, { status: 204 }));
  assert.deepEqual(await run.ending, { outcome: "dropped", reason: "stopped" });
  await run.released;
  assert.equal(run.steps.filter((step) => step === "hold").length, 1);
});

Deno.test("it says more than is read, and nobody may be interrupted: its connection is dropped", async () => {
  const run = begin();
  await run.start();
  await run.flood();
  run.hold.resolve(null);
  assert.deepEqual(await run.ending, { outcome: "dropped", reason: "output_limit" });
  assert.deepEqual(run.steps, ["hold", "drop"]);
});
