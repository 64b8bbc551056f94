/** Work that goes on after the answer. It must not be the only way that something gets done: the platform may end it. */
import { describe, log } from "./log.ts";

/** Lets `work` go on after the request was answered. A failure is logged under `event`. */
export function inBackground(event: string, work: Promise<unknown>): void {
  const settled = work.catch((error) => log("error", { event, error: describe(error) }));
  // Outside of the edge runtime the process lives on anyway.
  if (typeof EdgeRuntime !== "undefined") EdgeRuntime.waitUntil(settled);
}
