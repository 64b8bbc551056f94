/** Killing several sandboxes, some at once. */
import { describe, log } from "../log.ts";
import type { ContextCall } from "./context_call.ts";
import type { SandboxOfContext } from "./context.ts";

/** E2B allows thousands of operations a minute, and a function few connections. */
const AT_ONCE = 10;

/** The longest that one kill and its note may take, in milliseconds: none is begun later than that before the end. */
export const KILL_MILLISECONDS = 30_000;

/**
 * Kills the sandboxes and notes each confirmed kill in its context, where one is owed. A kill that fails is logged with
 * its context, and stays owed; so does one for which there was no time.
 */
export async function killAll(
  { store, sandboxes, answerBy, ending }: Pick<ContextCall, "store" | "sandboxes" | "answerBy" | "ending">,
  doomed: readonly SandboxOfContext[],
): Promise<{ done: number; failed: number }> {
  const queue = [...doomed];
  let failed = 0;
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      if (ending.aborted || performance.now() + KILL_MILLISECONDS > answerBy) {
        failed++;
        continue;
      }
      try {
        await sandboxes.kill(next.sandboxId);
        await store.confirmKilled(next.contextId, next.sandboxId);
      } catch (error) {
        failed++;
        log("error", { event: "kill_not_confirmed", context_id: next.contextId, error: describe(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, doomed.length) }, work));
  return { done: doomed.length - failed, failed };
}
