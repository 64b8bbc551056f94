/** End contexts: mark, kill, confirm, in this order, so that no step's failure loses a sandbox. */
import { tenantOf, userOf } from "../caller.ts";
import type { TerminateScope } from "../contract/terminate_context.ts";
import type { ContextCall } from "./context_call.ts";
import { killAll } from "./kills.ts";

/**
 * Ends the active contexts in scope and kills their sandboxes. Returns how many contexts it ended.
 *
 * A kill that fails is no error to the caller, for the contexts have ended: the rows keep it as owed.
 *
 * @throws ContextError
 */
export async function terminate(call: ContextCall, scope: TerminateScope): Promise<number> {
  const tenantId = tenantOf(call.caller, scope.tenant_id);
  call.trace.about({ tenant_id: tenantId, context_id: scope.context_id });
  const ended = await call.store.terminate({ tenantId, userId: userOf(call.caller, scope.user_id) }, {
    all: scope.all ?? false,
    conversationId: scope.conversation_id,
    pathId: scope.path_id,
    contextId: scope.context_id,
  });
  // One without a sandbox was a claim in flight: its holder finds itself fenced off and kills what it made.
  await killAll(
    call,
    ended.flatMap(({ id, sandbox_id }) => sandbox_id === null ? [] : [{ contextId: id, sandboxId: sandbox_id }]),
  );
  return ended.length;
}
