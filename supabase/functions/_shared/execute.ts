/** Run code on a path: acquire its context, run, tell. */
import { acquire, type Acquired } from "./acquire.ts";
import type { Call } from "./call.ts";
import { pathKeyOf } from "./caller.ts";
import type { ExecuteRequest, Execution } from "./contract.ts";
import { ContextError } from "./errors.ts";
import { run } from "./kernel.ts";

export interface Executed extends Acquired {
  readonly execution: Execution;
}

/**
 * Runs the request's code in the context of its path.
 *
 * @throws ContextError
 */
export async function execute(call: Call, request: ExecuteRequest): Promise<Executed> {
  const { config } = call;
  if (!config.sandbox.languages.includes(request.language)) {
    throw new ContextError("invalid_request", `language must be one of: ${config.sandbox.languages.join(", ")}.`, {
      field: "language",
    });
  }
  const limitMs = config.execution.timeoutSeconds * 1000;
  const timeoutMs = request.timeout_ms ?? limitMs;
  if (timeoutMs > limitMs) {
    throw new ContextError("invalid_request", `timeout_ms must be at most ${limitMs}.`, { field: "timeout_ms" });
  }

  const key = pathKeyOf(call.caller, request);
  let mayCreate = true;
  // Twice: a sandbox that dies between connect and run has run nothing, and the second acquire finds out and replaces
  // it. One that is gone again says that something else is wrong.
  for (let attempt = 1; attempt <= 2; attempt++) {
    const acquired = await acquire(call, key, {
      ttlSeconds: request.ttl_seconds,
      holdSeconds: Math.ceil(timeoutMs / 1000),
      mayCreate,
    });
    if (performance.now() + timeoutMs > call.answerBy) {
      throw new ContextError(
        "context_busy",
        "Getting the sandbox took too long for this run. It is there now: try again.",
        {
          retryAfterSeconds: 1,
        },
      );
    }
    const result = await run(acquired.sandbox, { ...request, timeoutMs });
    if (result.outcome === "ran") return { ...acquired, execution: result.execution };
    mayCreate = !acquired.hasCreated;
  }
  throw new ContextError("sandbox_unavailable", "The sandbox ended before it could run the code. Try again.", {
    retryAfterSeconds: 1,
  });
}
