/** acquire-context, as callers ask for it and what they get. */
import type * as z from "zod/mini";
import { fromAnotherPath, pathFields, strictFields } from "./path.ts";
import type { Loss } from "./state.ts";

export const acquireRequestSchema = strictFields(pathFields).check(fromAnotherPath);
export type AcquireRequest = z.infer<typeof acquireRequestSchema>;

/**
 * How variables were lost on the path before: its last context ended, or, with the reason `kernel_restarted`, its kernel
 * crashed, or was restarted.
 */
export interface PreviousContext {
  termination_reason: string;
  terminated_at: string;
}

/** An execution context as callers see it. Times are ISO 8601. */
export interface ContextView {
  id: string;
  conversation_id: string;
  path_id: string;
  ttl_seconds: number;
  created_at: string;
  last_used_at: string;
  /** Until then it may stand idle; then it falls asleep. */
  expires_at: string;
  /** Until then it may sleep, and is woken when it is used; then it ends. */
  kept_until: string;
  /** For services only: who knows it can reach the sandbox past these functions. */
  sandbox_id?: string;
}

export interface AcquireResponse {
  context: ContextView;
  /** Whether this call made the sandbox: its kernel is new and empty, or, forked, has what its source had. */
  was_created: boolean;
  /** Whether this call woke the sandbox: its variables are there, its connections to elsewhere are not. */
  was_resumed: boolean;
  /**
   * The path and the context of which this one's sandbox began as a fork; null: it began empty, be it that its source had
   * nothing to give.
   */
  forked_from: { path_id: string; context_id: string } | null;
  /** Names what variables are there: another one whenever they are gone. */
  state_id: string;
  /** How those were lost that the request expects; null when they are there, or it expects none. */
  lost: Loss | null;
  /** Null when the path never had a context before, or none in the week for which ended ones are kept. */
  previous: PreviousContext | null;
}
