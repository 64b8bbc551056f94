/** What a claim is refused for, as callers are told. */
import { forbiddenConversation, notServed } from "../caller.ts";
import { ContextError, isErrorCode } from "../errors.ts";
import type { Claim } from "./context.ts";

type Refused = Exclude<Claim, { outcome: "reused" | "claimed" | "pending" | "evicted" }>;

export function refusalOf(claim: Refused): ContextError {
  switch (claim.outcome) {
    case "closed":
    case "tenant_disabled":
      return notServed(claim.outcome);
    case "forbidden":
      return forbiddenConversation();
    case "quota_exceeded":
      return new ContextError(
        "quota_exceeded",
        `This ${claim.quota_scope} has ${claim.quota_count} sandboxes of ${claim.quota_limit}. End a context, or wait.`,
        {
          about: { scope: claim.quota_scope, limit: claim.quota_limit, current: claim.quota_count },
          retryAfterSeconds: claim.expires_at === null ? undefined : secondsUntil(claim.expires_at),
        },
      );
    case "rate_limited":
      return new ContextError(
        "rate_limited",
        `This tenant has had its ${claim.quota_limit} ${claim.quota_scope} a minute. Try again later.`,
        { retryAfterSeconds: secondsUntil(claim.expires_at) },
      );
    case "failed":
      return new ContextError(
        isErrorCode(claim.error_code) ? claim.error_code : "internal",
        "The sandbox of this path could not be created. Another request, which was creating it, met the error.",
        { retryAfterSeconds: claim.error_retry_after_seconds ?? undefined },
      );
  }
}

/** What the caller of a run is told that was stopped while it waited. */
export function stoppedBefore(): ContextError {
  return new ContextError("cancelled", "The run was stopped before its code was sent.");
}

/** From now on, and a second at least; a second, too, where there is no time to go by. */
export function secondsUntil(time: string | null): number {
  return time === null ? 1 : Math.max(1, Math.ceil((Date.parse(time) - Date.now()) / 1000));
}
