/** A run, as whoever has a part in it knows it. */
import { view } from "../contexts/view.ts";
import type { ExecuteRequest, ExecutionEvent } from "../contract/execute_code.ts";
import { ContextError } from "../errors.ts";
import type { ExecutionCall } from "./execution_call.ts";
import { INTERRUPTION_MILLISECONDS } from "./interruption.ts";
import type { RunMemory } from "./run_memory.ts";

/** What one run needs besides its request. */
export interface Run {
  readonly call: ExecutionCall;
  readonly request: ExecuteRequest;
  readonly executionId: string;
  /** Its caller's own for it, to stop it by. */
  readonly name?: string;
  /** In milliseconds. */
  readonly timeout: number;
  /** Aborts when its caller has gone, where that ends it. */
  readonly gone: AbortSignal;
  /** Aborts when somebody has asked to stop it. */
  readonly stopped: AbortSignal;
  readonly tell: (event: ExecutionEvent) => Promise<void>;
  /** Released by who made it, when the answer was told. */
  readonly memory: RunMemory;
}

/** Tells where it runs. */
export async function tellContext(
  { call, executionId, tell }: Run,
  acquired: Parameters<typeof view>[0],
): Promise<void> {
  await tell({ event: "context", data: { ...view(acquired, call.caller), execution_id: executionId } });
}

/**
 * Whether there is somebody to run for, and time to run in, of the request and of its worker.
 *
 * @throws ContextError `cancelled`, `context_busy`
 */
export function checkTime({ call, timeout, gone }: Run): void {
  if (gone.aborted) throw cancelled();
  call.ending.throwIfAborted();
  if (performance.now() + timeout + INTERRUPTION_MILLISECONDS > call.answerBy) {
    throw new ContextError(
      "context_busy",
      "Getting the sandbox took too long for this run. It is there now: try again.",
      {
        retryAfterSeconds: 1,
      },
    );
  }
}

/** What a caller who has gone would be told. */
export function cancelled(): ContextError {
  return new ContextError("cancelled", "The caller went away, and the run was stopped.");
}
