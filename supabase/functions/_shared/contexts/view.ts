/** Contexts as callers see them. */
import type { Caller } from "../caller.ts";
import type { AcquireResponse } from "../contract/acquire_context.ts";
import type { Loss } from "../contract/state.ts";
import type { Acquired } from "./acquire.ts";

/** What a caller is told of an acquired context. */
export function view(
  { context, wasCreated, wasResumed, lost }: Pick<Acquired, "context" | "wasCreated" | "wasResumed"> & {
    readonly lost: Loss | null;
  },
  caller: Caller,
): AcquireResponse {
  const { previous_termination_reason: reason, previous_terminated_at: at } = context;
  const { forked_from_path_id: path_id, forked_from_context_id: context_id } = context;
  return {
    context: {
      id: context.id,
      conversation_id: context.conversation_id,
      path_id: context.path_id,
      ttl_seconds: context.ttl_seconds,
      created_at: context.created_at,
      last_used_at: context.last_used_at,
      expires_at: context.expires_at,
      kept_until: context.kept_until,
      ...(caller.kind === "service" ? { sandbox_id: context.sandbox_id } : {}),
    },
    was_created: wasCreated,
    was_resumed: wasResumed,
    forked_from: path_id === null || context_id === null ? null : { path_id, context_id },
    state_id: context.state_id,
    lost,
    previous: reason === null || at === null ? null : { termination_reason: reason, terminated_at: at },
  };
}
