/** What a worker's JavaScript holds, as the platform counts it: V8's heap in use, and what is outside of it. */

import { dispatchBeforeunload, WARNED_AT } from "./events.ts";
import { report } from "./report.ts";

/** @returns looks what it is now; says so when that is `limit`, in bytes, or more, and warns the function before that */
export function createMemoryWatch(limit: number): () => void {
  let warned = false;
  return () => {
    const { heapUsed, external } = Deno.memoryUsage();
    const held = heapUsed + external;
    if (held >= limit) report({ report: "memory_reached" });
    else if (held >= limit * WARNED_AT && !warned) {
      warned = true;
      dispatchBeforeunload("memory");
    }
  };
}
