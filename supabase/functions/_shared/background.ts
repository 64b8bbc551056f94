/** Work that goes on after the answer. It must not be the only way that something gets done: the platform may end it. */
import { describe, log } from "./log.ts";

/** The platform's own. Declared here, so that whoever copies this needs no types besides its imports. */
declare const EdgeRuntime: { waitUntil(work: Promise<unknown>): void } | undefined;

/** Keeps the platform from ending `work` before it has settled, should its caller go away. */
export function keepAlive(work: Promise<unknown>): void {
  // Outside of the edge runtime the process lives on anyway. Who awaits the work handles its failure.
  if (typeof EdgeRuntime !== "undefined") EdgeRuntime.waitUntil(work.catch(() => {}));
}

/**
 * Waits for `work`, which cannot fail, until `time` on `performance.now()`'s clock at most; then it goes on by itself.
 * Returns whether it came to its end.
 */
export async function awaitUntil(time: number, work: Promise<unknown>): Promise<boolean> {
  keepAlive(work);
  const late = Promise.withResolvers<false>();
  const timer = setTimeout(() => late.resolve(false), Math.max(0, time - performance.now()));
  const isDone = await Promise.race([work.then(() => true), late.promise]);
  clearTimeout(timer);
  return isDone;
}

/** Lets `work` go on after the request was answered. A failure is logged under `event`. */
export function inBackground(event: string, work: Promise<unknown>): void {
  keepAlive(work.catch((error) => log("error", { event, error: describe(error) })));
}

/**
 * Awaits a step whose failure must not hide what the caller is to be told. A lease, probation or the
 * sweep makes up for it.
 */
export async function attempt(event: string, contextId: string, step: Promise<unknown>): Promise<void> {
  try {
    await step;
  } catch (error) {
    log("error", { event, context_id: contextId, error: describe(error) });
  }
}
