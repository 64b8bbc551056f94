import type { ErrorBody } from "./contract.ts";

/** The one error of this client: what the functions, the platform or the network answered, after all retries. */
export class ExecutionContextsError extends Error {
  override readonly name = "ExecutionContextsError";
  /** The functions' or the platform's code; `network`: there was no answer, or it broke off. */
  readonly code: string;
  /** Of HTTP; null where there was no answer. Of a stream that has begun it is 200. */
  readonly status: number | null;
  /** Whether the same call may succeed later, and harms nothing. */
  readonly retryable: boolean;
  /** How long to wait before that, in seconds, where the functions say so. */
  readonly retryAfter: number | undefined;
  /** By this the function's log knows the request. */
  readonly requestId: string | undefined;
  /** All that the answer said: the field at fault, whose quota, how variables were lost. */
  readonly body: Partial<ErrorBody>;

  constructor(body: Partial<ErrorBody> & { message: string }, response?: Response, cause?: unknown) {
    super(body.message, { cause });
    this.code = body.code ?? "network";
    this.status = response?.status ?? null;
    this.retryable = body.retryable ?? (response === undefined || PASSING.has(response.status));
    this.retryAfter = body.retry_after_seconds ?? secondsOf(response?.headers.get("retry-after"));
    this.requestId = response?.headers.get("x-request-id") ?? undefined;
    this.body = body;
  }
}

/** Of the header; undefined where it is missing, or says a date. */
function secondsOf(header: string | null | undefined): number | undefined {
  const seconds = Number(header ?? NaN);
  return Number.isFinite(seconds) ? seconds : undefined;
}

/**
 * The platform's own answers, and those of what is before it, do not say whether trying again helps: these do (a worker
 * that was ended, or did not start; supabase.com/docs/guides/functions/error-codes). Each of this client's requests may be
 * sent again without harm.
 */
const PASSING = new Set([429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 546]);
