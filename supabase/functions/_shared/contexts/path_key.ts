import { type Caller, tenantOf } from "../caller.ts";
import type { AcquireRequest } from "../contract/acquire_context.ts";

/** What a context is unique by while it is active. */
export interface PathKey {
  readonly tenantId: string;
  readonly conversationId: string;
  readonly pathId: string;
}

/**
 * The path that a request is for.
 *
 * @throws ContextError as `tenantOf` does
 */
export function pathKeyOf(caller: Caller, request: AcquireRequest): PathKey {
  return {
    tenantId: tenantOf(caller, request.tenant_id),
    conversationId: request.conversation_id,
    pathId: request.path_id,
  };
}
