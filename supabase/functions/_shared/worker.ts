/** The worker that serves the requests, as far as they must know of it: the platform's word that it is about to end. */
import * as z from "zod/mini";
import { keepAlive } from "./background.ts";
import { ContextError } from "./errors.ts";
import { log } from "./log.ts";

/**
 * The event as the platform sends it (supabase/edge-runtime, ext/runtime/js/bootstrap.js): at nine tenths of what a worker
 * is granted of `wall_clock`, `cpu` or `memory`, at an `early_drop`, and at the `termination` of its host. Deno has one of
 * its own, without detail, which means nothing here.
 */
const noticeSchema = z.object({ detail: z.object({ reason: z.nullable(z.string()) }) });

/**
 * How long before its wall clock is spent a worker may wait for kernels, in milliseconds: it is told 15 s before on the
 * free plan, 40 s on the paid ones, and what has become of its runs must be noted after that.
 */
const WALL_CLOCK_MILLISECONDS = 10_000;

/** The reason of the signal `ending`, and what those are told whose code has not been sent. */
export class WorkerEnds extends ContextError {
  /** By when what the worker has must be handed on, on `performance.now()`'s clock. */
  readonly by: number;

  /** Of all but the wall clock nobody knows how soon the end comes: nothing waits. */
  constructor(reason: string | null) {
    super("context_busy", "The worker that served the request had to end. Try again.", { retryAfterSeconds: 1 });
    this.by = performance.now() + (reason === "wall_clock" ? WALL_CLOCK_MILLISECONDS : 0);
  }
}

const end = new AbortController();
globalThis.addEventListener("beforeunload", (event) => {
  const notice = noticeSchema.safeParse(event);
  if (!notice.success) return;
  const { reason } = notice.data.detail;
  log("info", { event: "worker_ends", reason });
  end.abort(new WorkerEnds(reason));
});

/** Aborts when the worker is about to end: whatever it has is handed on, and it takes on nothing new. */
export const ending: AbortSignal = end.signal;

/** By when what the worker has must be handed on, on `performance.now()`'s clock: never, while it is not `ending`. */
export function handOnBy(ending: AbortSignal): number {
  return ending.reason instanceof WorkerEnds ? ending.reason.by : Infinity;
}

/** Waits for `work`; once the worker is `ending`, no longer than there is time, and then for nothing: undefined. */
export async function inTime<T>(ending: AbortSignal, work: Promise<T>): Promise<T | undefined> {
  keepAlive(work);
  const late = Promise.withResolvers<undefined>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const hurry = () => {
    timer = setTimeout(() => late.resolve(undefined), Math.max(0, handOnBy(ending) - performance.now()));
  };
  ending.addEventListener("abort", hurry);
  if (ending.aborted) hurry();
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
    ending.removeEventListener("abort", hurry);
  }
}
