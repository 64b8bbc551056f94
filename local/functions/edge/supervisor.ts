/**
 * The clocks of one worker, as the platform's supervisor has them under its policy `per_worker`
 * (`crates/base/src/worker/supervisor/strategy_per_worker.rs` of supabase/edge-runtime): when it gets no more requests,
 * when it is told that its end is near, and when it ends with whatever runs.
 */

import { type EndReason, WARNED_AT } from "./events.ts";
import type { WorkerLimits } from "./limits.ts";
import { cpuMilliseconds, residentBytes } from "./usage.ts";

export interface Supervised {
  readonly pid: number;
  /** It gets no more requests, and ends once nothing is open. */
  retire(): void;
  /** It is told that its end is near. */
  warn(reason: EndReason): void;
  /** It has to look how much memory its JavaScript holds. */
  suspectMemory(): void;
  /** It ends, with whatever runs. */
  end(reason: EndReason): void;
}

/** One thread cannot use more CPU time than time passes: no look before that can find a limit reached. */
const LEAST_LOOK_MS = 5;

/**
 * The platform looks after each turn of a worker's event loop. From within, a look that often would cost a worker more
 * of its CPU time than its function does; from outside it is seen that there is nothing to look for.
 */
const LOOK_AT_MEMORY_MS = 50;

/**
 * Begins at the worker's birth.
 * @returns `countCpu` begins with its CPU time; `stop` stops all clocks
 */
export function supervise(
  worker: Supervised,
  limits: WorkerLimits,
): { readonly countCpu: () => void; readonly stop: () => void } {
  const { cpuSoftMilliseconds, cpuHardMilliseconds } = limits;
  const wallClock = limits.wallClockSeconds * 1000;
  const timers = new Map<string, ReturnType<typeof setTimeout>>();
  const after = (milliseconds: number, name: string, then: () => void) =>
    timers.set(name, setTimeout(then, milliseconds));
  after(wallClock / 2, "half", () => worker.retire());
  after(wallClock * WARNED_AT, "warned", () => worker.warn("wall_clock"));
  after(wallClock, "end", () => worker.end("wall_clock"));

  const steps = [
    { at: cpuSoftMilliseconds, step: () => worker.retire() },
    { at: cpuHardMilliseconds * WARNED_AT, step: () => worker.warn("cpu") },
    { at: cpuHardMilliseconds, step: () => worker.end("cpu") },
  ].sort((one, other) => one.at - other.at);
  const look = (before: number) => {
    const total = cpuMilliseconds(worker.pid);
    if (total === null) return;
    const used = total - before;
    while (steps[0] !== undefined && used >= steps[0].at) steps.shift()?.step();
    if (steps[0] !== undefined) after(Math.max(steps[0].at - used, LEAST_LOOK_MS), "cpu", () => look(before));
  };
  const lookAtMemory = () => {
    const resident = residentBytes(worker.pid);
    if (resident === null) return;
    if (resident >= limits.memoryMebibytes * 1024 * 1024 * WARNED_AT) worker.suspectMemory();
    after(LOOK_AT_MEMORY_MS, "memory", lookAtMemory);
  };
  lookAtMemory();
  return {
    countCpu: () => look(cpuMilliseconds(worker.pid) ?? 0),
    stop: () => timers.forEach((timer) => clearTimeout(timer)),
  };
}
