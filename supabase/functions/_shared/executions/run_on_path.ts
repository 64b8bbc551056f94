/** One run on a path: acquire its context, bring its files, run. */
import { inBackground } from "../background.ts";
import { acquire, type Acquired } from "../contexts/acquire.ts";
import type { PathKey } from "../contexts/path_key.ts";
import type { Loss } from "../contract/state.ts";
import { asContextError, ContextError } from "../errors.ts";
import { putFiles } from "../sandbox/files.ts";
import { AccessRefused } from "../sandbox/provider_errors.ts";
import { whenOpen } from "./closed_kernel.ts";
import { meetExpectation } from "./expectation.ts";
import type { KeptAnswer } from "./key_store.ts";
import { INTERRUPTION_MILLISECONDS } from "./interruption.ts";
import { checkTime, type Run, tellContext } from "./run.ts";
import { runInSandbox } from "./run_in_sandbox.ts";
import { watch } from "./stop_watch.ts";

/**
 * Runs a request's code, and makes sure that whatever became of it is noted and its kernel free. Stopped by name, it has
 * an answer all the same, with what the code had said, if its sandbox was there.
 *
 * @throws ContextError `execution_lost` when nobody knows how far the code came, `cancelled` when it was stopped because
 * its caller had gone, or before it had a sandbox; of any other one nothing has run: `state_lost` when the request will not run on new variables
 */
export async function runOnPath(run: Omit<Run, "stopped">, key: PathKey): Promise<KeptAnswer> {
  const { executions } = run.call;
  const { stopped, end } = watch(run.call, run.executionId);
  try {
    return await runOnContext({ ...run, stopped }, key);
  } catch (thrown) {
    // Its end was noted only if it had begun.
    inBackground("execution_not_closed", executions.close(run.executionId));
    // A loop would send it again, and what was stopped would run.
    if (stopped.aborted && asContextError(thrown).retryable) {
      throw new ContextError("cancelled", "The run was stopped before its code was sent.", { cause: thrown });
    }
    throw thrown;
  } finally {
    end();
  }
}

async function runOnContext(run: Run, key: PathKey): Promise<KeptAnswer> {
  const { call, request, timeout, executionId } = run;
  let mayCreate = true;
  // Twice: a sandbox that is not there, or has no kernel any more, has run nothing, and the second acquire, which asks E2B
  // for it, replaces it. One that is gone again says that something else is wrong.
  for (let attempt = 1; attempt <= 2; attempt++) {
    const acquired = await acquire(call, key, {
      ttlSeconds: request.ttl_seconds,
      fromPathId: request.from_path_id,
      execution: {
        id: executionId,
        name: run.name,
        language: request.language,
        seconds: Math.ceil((timeout + INTERRUPTION_MILLISECONDS) / 1000),
      },
      evict: request.evict !== undefined,
      isAsked: attempt > 1,
      stopped: run.stopped,
      mayCreate,
    });
    checkTime(run);
    const lost = await meetExpectation(run, acquired);
    await tellContext(run, { ...acquired, lost });
    try {
      const answer = await runThere(run, acquired, lost);
      if (answer !== "gone") return answer;
    } catch (thrown) {
      // What the row knew may open it no more.
      if (acquired.wasAsked || !(thrown instanceof AccessRefused)) throw thrown;
    }
    mayCreate = !acquired.hasCreated;
  }
  throw new ContextError("sandbox_unavailable", "The sandbox ended before it could run the code. Try again.", {
    retryAfterSeconds: 1,
  });
}

/** Brings the files, and runs. Gone: the sandbox is not there, or nobody in it, and nothing has run. */
async function runThere(run: Run, acquired: Acquired, lost: Loss | null): Promise<KeptAnswer | "gone"> {
  const { call, request, gone, stopped } = run;
  const files = request.files.length === 0
    ? "put"
    : await call.trace.measure("provider", () => putFiles(acquired.sandbox, request.files));
  checkTime(run);
  if (files === "gone") return files;
  const cancelled = AbortSignal.any([gone, stopped]);
  return await whenOpen(call, acquired, cancelled, () => runInSandbox(run, acquired, lost));
}
