/** The few errors that callers meet. One place gives each its status, and one place turns them into a Response. */
import type { ErrorBody } from "./contract/error.ts";

/** What each code is answered with. */
export const KINDS = {
  invalid_request: { status: 400, retryable: false },
  forbidden: { status: 403, retryable: false },
  forbidden_tenant: { status: 403, retryable: false },
  tenant_disabled: { status: 403, retryable: false },
  forbidden_user: { status: 403, retryable: false },
  forbidden_conversation: { status: 403, retryable: false },
  method_not_allowed: { status: 405, retryable: false },
  idempotency_key_reused: { status: 409, retryable: false },
  state_lost: { status: 409, retryable: false },
  cannot_fork: { status: 409, retryable: false },
  execution_running: { status: 409, retryable: true },
  answer_gone: { status: 410, retryable: false },
  payload_too_large: { status: 413, retryable: false },
  quota_exceeded: { status: 429, retryable: false },
  rate_limited: { status: 429, retryable: true },
  out_of_sandboxes: { status: 429, retryable: true },
  cancelled: { status: 499, retryable: false },
  misconfigured: { status: 500, retryable: false },
  internal: { status: 500, retryable: false },
  execution_lost: { status: 502, retryable: false },
  // Nobody knows for how long: a loop must not wait for it.
  closed: { status: 503, retryable: false },
  context_busy: { status: 503, retryable: true },
  database_unavailable: { status: 503, retryable: true },
  sandbox_unavailable: { status: 503, retryable: true },
  sandbox_timeout: { status: 504, retryable: true },
} as const satisfies Record<string, { status: number; retryable: boolean }>;

/** The longest wait that is told with a retryable error, in seconds: a loop that obeys it must not sleep for hours. */
const LONGEST_RETRY_AFTER_SECONDS = 60;

export type ErrorCode = keyof typeof KINDS;

/** Whether a text, such as one kept in the database, is one of our codes. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(KINDS, text);
}

interface Details {
  /** The field of the request that is at fault, dotted. */
  field?: string;
  /** How long the caller should wait, in seconds; sent as `Retry-After` too. Of a retryable error a minute at most is kept. */
  retryAfterSeconds?: number;
  /** What else its code has to tell. */
  about?: Pick<ErrorBody, "scope" | "limit" | "current" | "state_id" | "lost">;
  cause?: unknown;
}

/**
 * An error whose message is fit for callers. `retryable`: a loop should send the same request again, after
 * `retryAfterSeconds`; it may succeed, and harms nothing.
 */
export class ContextError extends Error {
  override readonly name = "ContextError";
  readonly status: number;
  readonly retryable: boolean;
  readonly field?: string;
  readonly retryAfterSeconds?: number;
  readonly about?: Details["about"];

  constructor(readonly code: ErrorCode, message: string, details: Details = {}) {
    super(message, { cause: details.cause });
    this.status = KINDS[code].status;
    this.retryable = KINDS[code].retryable;
    this.field = details.field;
    const { retryAfterSeconds } = details;
    this.retryAfterSeconds = this.retryable && retryAfterSeconds !== undefined
      ? Math.min(retryAfterSeconds, LONGEST_RETRY_AFTER_SECONDS)
      : retryAfterSeconds;
    this.about = details.about;
  }
}

/** What was thrown, as a ContextError. What nobody foresaw is `internal`, and its own message stays with us. */
export function asContextError(thrown: unknown): ContextError {
  if (thrown instanceof ContextError) return thrown;
  return new ContextError("internal", "An unexpected error. The function's log says more.", { cause: thrown });
}

/** An error as callers get it: `{ code, message, retryable }`, the shape of @supabase/server's own plus `retryable`. */
export function toBody(error: ContextError): ErrorBody {
  return {
    code: error.code,
    message: error.message,
    retryable: error.retryable,
    ...error.about,
    ...(error.field === undefined ? {} : { field: error.field }),
    ...(error.retryAfterSeconds === undefined ? {} : { retry_after_seconds: error.retryAfterSeconds }),
  };
}

/** The answer for an error. */
export function toResponse(error: ContextError): Response {
  const headers = new Headers();
  if (error.retryAfterSeconds !== undefined) headers.set("Retry-After", String(error.retryAfterSeconds));
  return Response.json(toBody(error), { status: error.status, headers });
}
