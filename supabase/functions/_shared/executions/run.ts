/** One run on a path: acquire its context, run, free the kernel if need be, note it in the ledger. */
import { inBackground, keepAlive } from "../background.ts";
import { acquire, type Acquired } from "../contexts/acquire.ts";
import type { PathKey } from "../contexts/path_key.ts";
import { view } from "../contexts/view.ts";
import type { ExecuteRequest, Execution, ExecutionEvent, OutputFile } from "../contract/execute_code.ts";
import { asContextError, ContextError } from "../errors.ts";
import { putFiles, takeFiles, TRANSFER_MILLISECONDS } from "../sandbox/files.ts";
import type { LiveSandbox } from "../sandbox/live_sandbox.ts";
import { cleanUp, free } from "./aftercare.ts";
import { whenOpen } from "./closed_kernel.ts";
import type { ExecutionCall } from "./execution_call.ts";
import type { KeptAnswer, LedgerEnd } from "./execution_store.ts";
import { type InterruptibleEnding, runUntil } from "./interruptible.ts";
import { INTERRUPTION_MILLISECONDS } from "./interruption.ts";
import type { RunMemory } from "./run_memory.ts";
import { RunRecord } from "./run_record.ts";
import { watch } from "./stop_watch.ts";
import { Transcript } from "./transcript.ts";

/** The longest from a run's time limit to the note of its end, in milliseconds: calls of the database are tried again. */
const AFTERMATH_MILLISECONDS = INTERRUPTION_MILLISECONDS + TRANSFER_MILLISECONDS + 60_000;

/** What one run needs besides its request. */
export interface Run {
  readonly call: ExecutionCall;
  readonly request: ExecuteRequest;
  readonly executionId: string;
  /** In milliseconds. */
  readonly timeout: number;
  /** Aborts when its caller has gone, where that ends it. */
  readonly gone: AbortSignal;
  readonly tell: (event: ExecutionEvent) => Promise<void>;
  /** Released by who made it, when the answer was told. */
  readonly memory: RunMemory;
}

/** A run that can be stopped by name. */
interface StoppableRun extends Run {
  readonly stopped: AbortSignal;
}

/**
 * Runs a request's code, and makes sure that whatever became of it is noted and its kernel free. Stopped by name, it has
 * an answer all the same, with what the code had said.
 *
 * @throws ContextError `execution_lost` when nobody knows how far the code came, `cancelled` when it was stopped because
 * its caller had gone; of any other one nothing has run
 */
export async function runOnPath(run: Run, key: PathKey): Promise<KeptAnswer> {
  const { executions } = run.call;
  const { stopped, end } = watch(executions, run.executionId);
  try {
    return await runOnContext({ ...run, stopped }, key);
  } catch (thrown) {
    // Its end was noted only if it had begun.
    inBackground("execution_not_closed", executions.close(run.executionId));
    throw thrown;
  } finally {
    end();
  }
}

async function runOnContext(run: StoppableRun, key: PathKey): Promise<KeptAnswer> {
  const { call, request, timeout, executionId } = run;
  let mayCreate = true;
  // Twice: a sandbox that dies between connect and run, or has no kernel any more, has run nothing, and the second acquire
  // replaces it. One that is gone again says that something else is wrong.
  for (let attempt = 1; attempt <= 2; attempt++) {
    const acquired = await acquire(call, key, {
      ttlSeconds: request.ttl_seconds,
      execution: {
        id: executionId,
        language: request.language,
        seconds: Math.ceil((timeout + INTERRUPTION_MILLISECONDS) / 1000),
      },
      mayCreate,
    });
    checkTime(run);
    await tellContext(run, acquired);
    const files = request.files.length === 0
      ? "put"
      : await call.trace.measure("provider", () => putFiles(acquired.sandbox, request.files));
    checkTime(run);
    const answer = files === "gone"
      ? files
      : await whenOpen(call, acquired, run.gone, () => runInSandbox(run, acquired));
    if (answer !== "gone") return answer;
    mayCreate = !acquired.hasCreated;
  }
  throw new ContextError("sandbox_unavailable", "The sandbox ended before it could run the code. Try again.", {
    retryAfterSeconds: 1,
  });
}

async function tellContext(
  { call, executionId, tell }: Run,
  acquired: Pick<Acquired, "context" | "wasCreated">,
): Promise<void> {
  await tell({ event: "context", data: { ...view(acquired, call.caller), execution_id: executionId } });
}

/** Whether there is somebody to run for, and time to run in. */
function checkTime({ call, timeout, gone }: Run): void {
  if (gone.aborted) throw cancelled();
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

/** Whether the code may be sent now: nobody has stopped it, and nobody else runs it. */
async function maySend({ call, executionId, request, stopped }: StoppableRun): Promise<boolean> {
  if (stopped.aborted) return false;
  if (request.idempotency_key === undefined) return true;
  const leave = await call.executions.send(executionId);
  if (leave !== "taken_over") return leave === "sent";
  throw new ContextError("execution_running", "Another request with this idempotency key has taken this one over.", {
    retryAfterSeconds: 1,
  });
}

/** Gone, or closed: the sandbox took no code, and nothing ran. */
async function runInSandbox(run: StoppableRun, acquired: Acquired): Promise<KeptAnswer | "gone" | "closed"> {
  const { call, request, timeout, executionId, gone, stopped } = run;
  const isSent = await maySend(run);
  checkTime(run);

  const entry = { executionId, contextId: acquired.context.id, language: request.language };
  const record = new RunRecord(call, entry, timeout + AFTERMATH_MILLISECONDS, request.idempotency_key !== undefined);
  const until = AbortSignal.any([AbortSignal.timeout(timeout), gone, stopped]);
  const transcript = new Transcript(run.tell, () => run.memory.hasRoomForLine(until));
  if (!isSent) {
    const outputs = request.outputs.map((path) => ({ status: "unavailable" as const, path }));
    const execution = { ...transcript.execution("cancelled"), duration_ms: 0, kernel_restarted: false, outputs };
    return await conclude(run, acquired, record, execution, { outputBytes: 0, errorName: null });
  }

  const sent = performance.now();
  const said = () => ({ outputBytes: transcript.bytes, errorName: transcript.errorName });
  let ending: InterruptibleEnding;
  try {
    ending = await call.trace.measure(
      "kernel",
      () => runUntil(until, run, acquired.sandbox, entry, record, transcript),
    );
  } catch (thrown) {
    // Anything else means that the code was refused.
    if (asContextError(thrown).code === "execution_lost") {
      await record.end({ status: "lost", duration: performance.now() - sent, ...said() });
      // To the template a connection that breaks is one that was dropped: it interrupts the run, if there is one.
      keepAlive(free(run, acquired, entry, record, sent));
    }
    throw thrown;
  }
  if (ending.outcome === "gone" || ending.outcome === "closed") return ending.outcome;

  const duration = performance.now() - sent;
  const isRestarted = ending.outcome === "dropped"
    ? await free(run, acquired, entry, record, sent)
    : await cleanUp(run, acquired, entry, record, transcript);
  const isInterrupted = ending.outcome !== "ended";
  if (isInterrupted && gone.aborted) {
    await record.end({ status: "cancelled", duration, ...said() });
    throw cancelled();
  }
  const execution = {
    ...transcript.execution(isInterrupted ? stopped.aborted ? "cancelled" : "timed_out" : null),
    duration_ms: Math.round(duration),
    kernel_restarted: isRestarted,
    outputs: request.outputs.length === 0
      ? []
      : await call.trace.measure("provider", () => takeOutputs(run, acquired.sandbox)),
  };
  const answer = await conclude(run, acquired, record, execution, said());
  await transcript.close();
  return answer;
}

/** Notes how a run ended, and tells what became of its variables meanwhile. */
async function conclude(
  run: Run,
  { context, wasCreated }: Acquired,
  record: RunRecord,
  execution: Execution,
  said: Pick<LedgerEnd, "outputBytes" | "errorName">,
): Promise<KeptAnswer> {
  // The kernel may have been restarted while the run was in line for it, or before, without anybody's notice.
  const loss = await record.loss();
  const answer = { executionId: run.executionId, context: { ...context, ...loss }, wasCreated, execution };
  await record.end({ status: execution.status, duration: execution.duration_ms, ...said }, answer);
  // After what must not be lost, be it that the caller takes it slowly.
  if (loss && loss.previous_terminated_at !== context.previous_terminated_at) await tellContext(run, answer);
  return answer;
}

/** None can be had when others hold too much for too long. */
async function takeOutputs(
  { call, request: { outputs }, gone, memory }: Run,
  sandbox: LiveSandbox,
): Promise<OutputFile[]> {
  if (await memory.hasRoomForOutputs(outputs.length, gone, call.answerBy)) {
    return await takeFiles(sandbox, outputs, call.answerBy);
  }
  return outputs.map((path) => ({ status: "unavailable", path }));
}

function cancelled(): ContextError {
  return new ContextError("cancelled", "The caller went away, and the run was stopped.");
}
