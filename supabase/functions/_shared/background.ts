/** Work that goes on after the answer. It must not be the only way that something gets done: the platform may end it. */
import { describe, log } from "./log.ts";

/** Keeps the platform from ending `work` before it has settled, should its caller go away. */
export function keepAlive(work: Promise<unknown>): void {
  // Outside of the edge runtime the process lives on anyway. Who awaits the work handles its failure.
  if (typeof EdgeRuntime !== "undefined") EdgeRuntime.waitUntil(work.catch(() => {}));
}

/** Lets `work` go on after the request was answered. A failure is logged under `event`. */
export function inBackground(event: string, work: Promise<unknown>): void {
  keepAlive(work.catch((error) => log("error", { event, error: describe(error) })));
}
