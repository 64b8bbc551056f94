/** End contexts: mark, kill, confirm, in this order, so that no step's failure loses a sandbox. */
import type { Call } from "./call.ts";
import type { TerminateRequest } from "./contract.ts";
import { describe, log } from "./log.ts";

/**
 * Ends the active contexts in the request's scope and kills their sandboxes. Returns how many contexts it ended.
 *
 * A kill that fails is no error to the caller, for the contexts have ended: the rows keep it as owed.
 *
 * @throws ContextError
 */
export async function terminate(call: Call, request: TerminateRequest): Promise<number> {
  const ended = await call.store.terminate(call.tenantId, {
    conversationId: request.conversation_id,
    pathId: request.path_id,
    contextId: request.context_id,
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
  return ended.length;
}
