/** What failed, and what to do about it. */
import { ExecutionContextsError } from "../../../client/mod.ts";

const ADVICE = new Map([
  ["http_404", "The stack runs a project without these functions: `deno task install --into` puts them there."],
  ["NOT_FOUND", "The stack runs a project without these functions: `deno task install --into` puts them there."],
  ["network", "Is the stack running? `deno task start` runs it."],
  ["quota_exceeded", "End a path that you do not need, and run the cell again."],
  ["out_of_sandboxes", "E2B's account has no more sandboxes: end a path, or wait until one falls asleep."],
  ["rate_limited", "Wait a moment, and run the cell again."],
  ["forbidden_conversation", "This notebook belongs to somebody else: begin a new one."],
  ["closed", "The operator has closed the service for now."],
  ["misconfigured", "A setting of the functions is missing: their log names it."],
  ["execution_lost", "Nobody knows how far the code came. Look at its variables before you run it again."],
  ["cannot_fork", "The source has something that cannot be copied; the message names it."],
]);

export interface Failure {
  readonly message: string;
  readonly advice: string;
}

export function failureOf(error: unknown): Failure {
  if (!(error instanceof ExecutionContextsError)) {
    return {
      message: error instanceof Error ? error.message : String(error),
      advice: "Reload the page, and try again.",
    };
  }
  const otherwise = error.retryable
    ? "It may pass: run the cell again."
    : "Change what it names, and run the cell again.";
  const request = error.requestId === undefined ? "" : ` The functions' log has it as ${error.requestId}.`;
  return { message: `${error.message} (${error.code})`, advice: (ADVICE.get(error.code) ?? otherwise) + request };
}

/** Whether the user's sign-in does not hold any more, as after a start of a stack that keeps nothing. */
export function isSignedOut(error: unknown): boolean {
  return error instanceof ExecutionContextsError && error.status === 401;
}
