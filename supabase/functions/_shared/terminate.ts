/** End contexts: mark, kill, confirm, in this order, so that no step's failure loses a sandbox. */
import { inBackground } from "./background.ts";
import type { Call } from "./call.ts";
import { tenantOf } from "./caller.ts";
import type { TerminateScope } from "./contract.ts";
import { describe, log } from "./log.ts";
import { IN_PASSING, sweep } from "./sweep.ts";

/**
 * Ends the active contexts in scope and kills their sandboxes. Returns how many contexts it ended.
 *
 * A kill that fails is no error to the caller, for the contexts have ended: the rows keep it as owed.
 *
 * @throws ContextError
 */
export async function terminate(call: Call, scope: TerminateScope): Promise<number> {
  const ended = await call.store.terminate(tenantOf(call.caller, scope.tenant_id), {
    conversationId: scope.conversation_id,
    pathId: scope.path_id,
    contextId: scope.context_id,
  });
  await Promise.all(ended.map(async ({ id, sandbox_id }) => {
    // A claim in flight: its holder finds itself fenced off and kills what it made.
    if (sandbox_id === null) return;
    try {
      await call.sandboxes.kill(sandbox_id);
      await call.store.confirmKilled(id);
    } catch (error) {
      log("error", { event: "kill_not_confirmed", context_id: id, error: describe(error) });
    }
  }));
  inBackground("sweep_in_passing_failed", sweep(call, IN_PASSING));
  return ended.length;
}
