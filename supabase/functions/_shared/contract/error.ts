import type { Loss } from "./state.ts";

/** What went wrong, as callers of every function are told: the body of an error answer, or a stream's `failure`. */
export interface ErrorBody {
  code: string;
  message: string;
  /** Whether a loop should send the same request again, after `retry_after_seconds` where there are any. */
  retryable: boolean;
  /** The field of the request that is at fault, dotted. */
  field?: string;
  /** At most 60 where `retryable`. Of `quota_exceeded`: until a place is free at the latest. */
  retry_after_seconds?: number;
  /** Of `quota_exceeded`: whose quota, how many it allows, and how many there are. */
  scope?: string;
  limit?: number;
  current?: number;
  /** Of `state_lost`: what variables there are now, and how the expected ones went. */
  state_id?: string;
  lost?: Loss;
}
