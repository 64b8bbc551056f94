/** Stop executions by name. Their context stays, with its variables. */
import { pathKeyOf } from "../contexts/path_key.ts";
import type { StopRequest } from "../contract/terminate_context.ts";
import type { ExecutionCall } from "./execution_call.ts";

/**
 * Asks for the end of an execution, or of all that are open on a path. Returns how many there are: whoever runs them
 * reads it within a second, and answers its own caller with the status `cancelled`.
 *
 * @throws ContextError
 */
export async function stop(
  call: Pick<ExecutionCall, "caller" | "executions" | "trace">,
  request: StopRequest,
): Promise<number> {
  const key = pathKeyOf(call.caller, request);
  call.trace.about({ tenant_id: key.tenantId });
  return await call.executions.stop({
    ...key,
    executionId: request.execution_id,
    idempotencyKey: request.idempotency_key,
  });
}
