import { type Caller, tenantOf, userOf } from "../caller.ts";
import type { AcquireRequest } from "../contract/acquire_context.ts";

/** A path, by what its context is unique while it is active, and the user who asks for it. */
export interface PathKey {
  readonly tenantId: string;
  /** Null: a service asks for the tenant. */
  readonly userId: string | null;
  readonly conversationId: string;
  readonly pathId: string;
}

/**
 * The path that a request is for, and who asks.
 *
 * @throws ContextError as `tenantOf` and `userOf` do
 */
export function pathKeyOf(caller: Caller, request: AcquireRequest): PathKey {
  return {
    tenantId: tenantOf(caller, request.tenant_id),
    userId: userOf(caller, request.user_id),
    conversationId: request.conversation_id,
    pathId: request.path_id,
  };
}
