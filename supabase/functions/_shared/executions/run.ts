/** One run on a path: acquire its context, run, free the kernel if need be, note it in the ledger. */
import { keepAlive } from "../background.ts";
import { acquire, type Acquired } from "../contexts/acquire.ts";
import type { PathKey } from "../contexts/path_key.ts";
import { view } from "../contexts/view.ts";
import type { ExecuteRequest, Execution, ExecutionEvent, OutputFile } from "../contract/execute_code.ts";
import { asContextError, ContextError } from "../errors.ts";
import { putFiles, takeFiles, TRANSFER_MILLISECONDS } from "../sandbox/files.ts";
import { type Ending, run as runInKernel } from "../sandbox/kernel.ts";
import type { LiveSandbox } from "../sandbox/live_sandbox.ts";
import { cleanUp, free } from "./aftercare.ts";
import { whenOpen } from "./closed_kernel.ts";
import type { ExecutionCall } from "./execution_call.ts";
import type { KeptAnswer } from "./execution_store.ts";
import { INTERRUPTION_MILLISECONDS } from "./interruption.ts";
import type { RunMemory } from "./run_memory.ts";
import { RunRecord } from "./run_record.ts";
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
  /** Aborts when nobody wants the run any more. */
  readonly cancelled: AbortSignal;
  readonly tell: (event: ExecutionEvent) => Promise<void>;
  /** Released by who made it, when the answer was told. */
  readonly memory: RunMemory;
}

/**
 * Runs a request's code, and makes sure that whatever became of it is noted and its kernel free.
 *
 * @throws ContextError `execution_lost` when nobody knows how far the code came, `cancelled` when it was stopped because
 * nobody wanted it any more; of any other one nothing has run
 */
export async function runOnPath(run: Run, key: PathKey): Promise<KeptAnswer> {
  const { call, request, timeout } = run;
  let mayCreate = true;
  // Twice: a sandbox that dies between connect and run, or has no kernel any more, has run nothing, and the second acquire
  // replaces it. One that is gone again says that something else is wrong.
  for (let attempt = 1; attempt <= 2; attempt++) {
    const acquired = await acquire(call, key, {
      ttlSeconds: request.ttl_seconds,
      holdSeconds: Math.ceil((timeout + INTERRUPTION_MILLISECONDS) / 1000),
      mayCreate,
    });
    checkTime(run);
    await run.tell({ event: "context", data: view(acquired, call.caller) });
    const files = request.files.length === 0
      ? "put"
      : await call.trace.measure("provider", () => putFiles(acquired.sandbox, request.files));
    checkTime(run);
    const answer = files === "gone"
      ? files
      : await whenOpen(call, acquired, run.cancelled, () => runInSandbox(run, acquired));
    if (answer !== "gone") return answer;
    mayCreate = !acquired.hasCreated;
  }
  throw new ContextError("sandbox_unavailable", "The sandbox ended before it could run the code. Try again.", {
    retryAfterSeconds: 1,
  });
}

/** Whether there is somebody to run for, and time to run in. */
function checkTime({ call, timeout, cancelled: signal }: Run): void {
  if (signal.aborted) throw cancelled();
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

/** Gone, or closed: the sandbox took no code, and nothing ran. */
async function runInSandbox(run: Run, acquired: Acquired): Promise<KeptAnswer | "gone" | "closed"> {
  const { call, request, timeout, memory } = run;
  const { sandbox, context, wasCreated } = acquired;
  const hasKey = request.idempotency_key !== undefined;
  if (hasKey && !await call.executions.send(run.executionId)) {
    throw new ContextError("execution_running", "Another request with this idempotency key has taken this one over.", {
      retryAfterSeconds: 1,
    });
  }

  checkTime(run);

  const entry = { executionId: run.executionId, contextId: context.id, language: request.language };
  const record = new RunRecord(call, entry, timeout + AFTERMATH_MILLISECONDS, hasKey);
  const signal = AbortSignal.any([AbortSignal.timeout(timeout), run.cancelled]);
  const hasRoom = () => memory.hasRoomForLine(signal);
  const transcript = new Transcript(run.tell, hasRoom);
  const sent = performance.now();
  const said = () => ({
    duration: performance.now() - sent,
    outputBytes: transcript.bytes,
    errorName: transcript.errorName,
  });
  let ending: Ending;
  try {
    ending = await call.trace.measure("kernel", () =>
      runInKernel(sandbox, request, signal, async (message) => {
        record.begin(message.type === "number_of_executions" ? message.execution_count : null);
        await transcript.take(message);
        memory.keepResults(transcript.resultsCharacters);
      }, hasRoom));
  } catch (thrown) {
    // Anything else means that the code was refused.
    if (asContextError(thrown).code === "execution_lost") {
      await record.end({ status: "lost", ...said() });
      // To the template a connection that breaks is one that was dropped: it interrupts the run, if there is one.
      keepAlive(free(run, acquired, entry, record, sent));
    }
    throw thrown;
  } finally {
    // Also of a line that was cut off, or that was no message.
    memory.keepResults(transcript.resultsCharacters);
  }
  if (ending.outcome === "gone" || ending.outcome === "closed") return ending.outcome;

  const { duration, ...rest } = said();
  const interrupted = ending.outcome === "interrupted";
  const isRestarted = interrupted
    ? await free(run, acquired, entry, record, sent)
    : await cleanUp(run, acquired, entry, record, transcript);
  if (interrupted && run.cancelled.aborted) {
    await record.end({ status: "cancelled", duration, ...rest });
    throw cancelled();
  }
  const outputs = request.outputs.length === 0
    ? []
    : await call.trace.measure("provider", () => takeOutputs(run, sandbox));
  const execution: Execution = {
    ...transcript.execution(interrupted),
    duration_ms: Math.round(duration),
    kernel_restarted: isRestarted,
    outputs,
  };
  // The kernel may have been restarted while the run was in line for it, or before, without anybody's notice.
  const loss = await record.loss();
  const answer = { context: { ...context, ...loss }, wasCreated, execution };
  await record.end({ status: execution.status, duration, ...rest }, answer);
  // After what must not be lost, be it that the caller takes it slowly.
  if (loss && loss.previous_terminated_at !== context.previous_terminated_at) {
    await run.tell({ event: "context", data: view(answer, call.caller) });
  }
  await transcript.close();
  return answer;
}

/** None can be had when others hold too much for too long. */
async function takeOutputs(
  { call, request: { outputs }, cancelled, memory }: Run,
  sandbox: LiveSandbox,
): Promise<OutputFile[]> {
  if (await memory.hasRoomForOutputs(outputs.length, cancelled, call.answerBy)) {
    return await takeFiles(sandbox, outputs, call.answerBy);
  }
  return outputs.map((path) => ({ status: "unavailable", path }));
}

function cancelled(): ContextError {
  return new ContextError("cancelled", "The caller went away, and the run was stopped.");
}
