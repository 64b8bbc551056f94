/** The platform's word that a worker is about to end, and what may wait then. */
import assert from "node:assert/strict";
import { pause } from "../supabase/functions/_shared/pause.ts";
import { ending, handOnBy, inTime, WorkerEnds } from "../supabase/functions/_shared/worker.ts";
import { inFakeTime } from "./support/fake_time.ts";

const ended = (reason: string | null) => AbortSignal.abort(new WorkerEnds(reason));
const never = new AbortController().signal;
const endless = new Promise<string>(() => {});

Deno.test("a worker ends when the platform says so, and says itself what its callers are told", () => {
  // Deno's own.
  globalThis.dispatchEvent(new Event("beforeunload", { cancelable: true }));
  assert.deepEqual([ending.aborted, handOnBy(ending)], [false, Infinity]);
  const before = performance.now();
  const detail = { reason: "wall_clock" };
  globalThis.dispatchEvent(new CustomEvent("beforeunload", { cancelable: true, detail }));
  const { reason } = ending;
  assert(reason instanceof WorkerEnds);
  assert.deepEqual([reason.code, reason.status, reason.retryable], ["context_busy", 503, true]);
  assert(handOnBy(ending) >= before + 10_000, "there is time to free kernels");
});

Deno.test("of all other ends nobody knows how near they are", () => {
  for (const reason of ["cpu", "memory", "early_drop", "termination", null]) {
    assert(handOnBy(ended(reason)) <= performance.now(), String(reason));
  }
});

Deno.test("work is waited for as long as there is time", async () => {
  assert.equal(await inTime(never, Promise.resolve("done")), "done");
  await assert.rejects(inTime(never, Promise.reject(new Error("failed"))), /failed/);
  assert.equal(await inTime(ended("cpu"), endless), undefined);

  await inFakeTime(async (pass) => {
    const end = new AbortController();
    let isOver = false;
    const waiting = inTime(end.signal, endless).then(() => isOver = true);
    end.abort(new WorkerEnds("wall_clock"));
    await pass(9_000);
    assert.equal(isOver, false);
    await pass(1_000);
    await waiting;
  });
});

Deno.test("whoever pauses is woken", async () => {
  await inFakeTime(async () => {
    const end = new AbortController();
    const pausing = pause(5, Infinity, end.signal);
    end.abort(new WorkerEnds("cpu"));
    assert.equal(await pausing, false);
    assert.equal(await pause(0, Infinity, end.signal), false);
  });
});
