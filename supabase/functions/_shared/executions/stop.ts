/** Stop executions by name. Their context stays, with its variables. */
import { tenantOf, userOf } from "../caller.ts";
import type { StopRequest } from "../contract/terminate_context.ts";
import type { ExecutionCall } from "./execution_call.ts";

/**
 * Asks for the end of an execution, or of all that are open on a path, or in a conversation. Returns how many there are: whoever runs them
 * reads it within a second, and answers its own caller with the status `cancelled`.
 *
 * @throws ContextError
 */
export async function stop(
  call: Pick<ExecutionCall, "caller" | "executions" | "trace">,
  request: StopRequest,
): Promise<number> {
  const tenantId = tenantOf(call.caller, request.tenant_id);
  call.trace.about({ tenant_id: tenantId });
  return await call.executions.stop({
    tenantId,
    userId: userOf(call.caller, request.user_id),
    conversationId: request.conversation_id,
    pathId: request.path_id,
    executionId: request.execution_id,
    idempotencyKey: request.idempotency_key,
  });
}
