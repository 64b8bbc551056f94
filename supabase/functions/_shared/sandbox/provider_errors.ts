/** What E2B's control plane answers, sorted into what it means for callers: the one place that knows its statuses. */
import * as z from "zod/mini";
import { ContextError } from "../errors.ts";

/** What a call of the SDK's API client came to. */
export interface Answer {
  readonly response: Response;
  readonly error?: unknown;
}

/** An error that E2B tells of one thing among several, as if it had answered with it. */
export function answerOf(error: { readonly code: number; readonly message: string }): Answer {
  const isStatus = error.code >= 400 && error.code <= 599;
  return { response: new Response(null, { status: isStatus ? error.code : 500 }), error };
}

/** E2B's own errors. A proxy between us answers the same statuses in other words. */
const bodySchema = z.looseObject({
  code: z.int(),
  message: z.string(),
  // Code that listens on the kernel's port may say anything here, and this is logged.
  error_code: z.catch(z.optional(z.string().check(z.regex(/^[a-z][a-z0-9_]{0,63}$/i))), undefined),
});

/** Whether E2B itself says that there is no such sandbox. A 404 in other words proves nothing. */
export function saysNotFound(answer: Answer): boolean {
  return says(404, answer);
}

/**
 * Whether E2B itself says that the sandbox is being killed, or was: its answers to `connect` then (e2b-dev/infra,
 * packages/api/internal/utils/error.go). A 409 in other words is about a change that passes.
 */
export function saysBeingKilled(answer: Answer): boolean {
  return says(410, answer) || (says(409, answer) && /\bkill(ed|ing)\b/i.test(messageOf(answer)));
}

/** Whether E2B itself says that the sandbox is just being paused, copied, or resumed: to ask again is what helps. */
export function saysChanging(answer: Answer): boolean {
  return says(409, answer) && !saysBeingKilled(answer);
}

function says(status: number, { response, error }: Answer): boolean {
  return response.status === status && bodySchema.safeParse(error).data?.code === status;
}

function messageOf({ error }: Answer): string {
  return bodySchema.safeParse(error).data?.message ?? "";
}

/** An error answer, as callers meet it. E2B's own message is kept from them, and from our log: it may name our account, or the sandbox. */
export function asProviderError(answer: Answer): ContextError {
  const { status, headers } = answer.response;
  const body = bodySchema.safeParse(answer.error).data;
  const cause = new Error(`E2B answered ${status} ${body?.error_code ?? ""}`.trimEnd());
  const retryAfterSeconds = retryAfter(headers);
  switch (status) {
    case 401:
    case 403:
      return new ContextError("misconfigured", "E2B refuses the functions' E2B_API_KEY.", { cause });
    case 400:
    case 404:
      return new ContextError("misconfigured", "E2B refuses the sandbox's settings: see the template and the TTLs.", {
        cause,
      });
    case 429:
      // Two limits with one status. Only that of requests says when to come back (e2b.dev/docs/sandbox/rate-limits).
      if (body && /concurrent/i.test(body.message)) {
        return new ContextError("out_of_sandboxes", "The E2B account runs as many sandboxes as its plan allows.", {
          retryAfterSeconds: retryAfterSeconds ?? 30,
          cause,
        });
      }
      return new ContextError("rate_limited", "E2B limits the rate of requests. Try again later.", {
        retryAfterSeconds: retryAfterSeconds ?? 2,
        cause,
      });
    case 504:
      return new ContextError("sandbox_timeout", "E2B did not answer in time. Try again.", {
        retryAfterSeconds: retryAfterSeconds ?? 2,
        cause,
      });
    default:
      return new ContextError("sandbox_unavailable", "E2B could not serve the request. Try again.", {
        retryAfterSeconds: retryAfterSeconds ?? 2,
        cause,
      });
  }
}

/**
 * A refusal to fork what cannot be copied: a local sandbox's, which names what that is. E2B copies all of it, and has no
 * such answer.
 */
export function asForkRefusal(answer: Answer): ContextError | null {
  return says(501, answer) ? new ContextError("cannot_fork", messageOf(answer)) : null;
}

/** Thrown when a sandbox is not opened by what should open it. Nothing was done in it. */
export class AccessRefused extends ContextError {
  constructor(status: number) {
    super("misconfigured", "The sandbox refuses the token that E2B gave for it.", {
      cause: new Error(`the sandbox answered ${status}`),
    });
  }
}

/** What was thrown for want of an answer, as callers meet it; what a signal was aborted with, as it is. */
export function asConnectionError(thrown: unknown): ContextError {
  if (thrown instanceof ContextError) return thrown;
  if (thrown instanceof Error && /^(Abort|Timeout)Error$/.test(thrown.name)) {
    return new ContextError("sandbox_timeout", "E2B did not answer in time. Try again.", {
      retryAfterSeconds: 2,
      cause: thrown,
    });
  }
  return new ContextError("sandbox_unavailable", "E2B could not be reached. Try again.", {
    retryAfterSeconds: 2,
    // The JSON parser's own words quote what it could not read.
    cause: thrown instanceof SyntaxError ? new Error("the answer was not JSON") : thrown,
  });
}

/** `Retry-After` in seconds: it is a number or a date (RFC 9110, 10.2.3). */
function retryAfter(headers: Headers): number | undefined {
  const value = headers.get("Retry-After");
  if (value === null) return undefined;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(1, Math.ceil(seconds)) : undefined;
}
