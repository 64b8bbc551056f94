/** One run on a path: acquire its context, run, free the kernel if need be, note it in the ledger. */
import { acquire, type Acquired } from "./acquire.ts";
import { awaitUntil } from "./background.ts";
import type { Call } from "./call.ts";
import type { PathKey } from "./context_store.ts";
import { asContextError, ContextError } from "./errors.ts";
import type { ExecuteRequest, Execution, ExecutionEvent } from "./execution.ts";
import type { KeptAnswer, LedgerEnd, LedgerEntry } from "./execution_store.ts";
import { putFiles, takeFiles, TRANSFER_MILLISECONDS } from "./files.ts";
import { freeKernel, INTERRUPTION_MILLISECONDS } from "./interruption.ts";
import { type Ending, KERNEL_RESTARTED, type KernelMessage, run as runInKernel } from "./kernel.ts";
import { describe, log } from "./log.ts";
import { Transcript } from "./transcript.ts";
import { view } from "./view.ts";

/** The longest from a run's time limit to the note of its end, in milliseconds: calls of the database are tried again. */
const AFTERMATH_MILLISECONDS = INTERRUPTION_MILLISECONDS + TRANSFER_MILLISECONDS + 60_000;

/** What one run needs besides its request. */
export interface Run {
  readonly call: Call;
  readonly request: ExecuteRequest;
  readonly executionId: string;
  /** In milliseconds. */
  readonly timeout: number;
  /** Aborts when nobody wants the run any more. */
  readonly cancelled: AbortSignal;
  readonly tell: (event: ExecutionEvent) => Promise<void>;
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
  // Twice: a sandbox that dies between connect and run has run nothing, and the second acquire finds out and replaces
  // it. One that is gone again says that something else is wrong.
  for (let attempt = 1; attempt <= 2; attempt++) {
    const acquired = await acquire(call, key, {
      ttlSeconds: request.ttl_seconds,
      holdSeconds: Math.ceil((timeout + INTERRUPTION_MILLISECONDS) / 1000),
      mayCreate,
    });
    if (run.cancelled.aborted) throw cancelled();
    if (performance.now() + timeout + INTERRUPTION_MILLISECONDS > call.answerBy) {
      throw new ContextError(
        "context_busy",
        "Getting the sandbox took too long for this run. It is there now: try again.",
        { retryAfterSeconds: 1 },
      );
    }
    await run.tell({ event: "context", data: view(acquired, call.caller) });
    const files = request.files.length === 0
      ? "put"
      : await call.trace.measure("provider", () => putFiles(acquired.sandbox, request.files));
    const execution = files === "gone" ? null : await runInSandbox(run, acquired);
    if (execution) return { context: acquired.context, wasCreated: acquired.wasCreated, execution };
    mayCreate = !acquired.hasCreated;
  }
  throw new ContextError("sandbox_unavailable", "The sandbox ended before it could run the code. Try again.", {
    retryAfterSeconds: 1,
  });
}

/** Null: the sandbox was gone, and nothing ran. */
async function runInSandbox(run: Run, acquired: Acquired): Promise<Execution | null> {
  const { call, request, timeout } = run;
  const entry = { executionId: run.executionId, contextId: acquired.context.id, language: request.language };
  const transcript = new Transcript(run.tell);
  const sent = performance.now();
  let begun: { readonly at: number; readonly noted: Promise<void> } | undefined;
  const take = async (message: KernelMessage) => {
    // While it runs, not before: nothing waits for the ledger.
    begun ??= {
      at: performance.now(),
      noted: note(entry, call.executions.start(entry, timeout + AFTERMATH_MILLISECONDS)),
    };
    await transcript.take(message);
  };
  const finish = async (end: Pick<LedgerEnd, "status" | "duration" | "answer">) => {
    await begun?.noted;
    const said = { outputBytes: transcript.bytes, errorName: transcript.errorName };
    // The ledger's troubles are not the caller's, who has waited long enough.
    await awaitUntil(call.answerBy, note(entry, call.executions.finish(entry, { ...end, ...said })));
  };

  let ending: Ending;
  try {
    const signal = AbortSignal.any([AbortSignal.timeout(timeout), run.cancelled]);
    ending = await call.trace.measure("kernel", () => runInKernel(acquired.sandbox, request, signal, take));
  } catch (thrown) {
    // Anything else means that the code was refused.
    if (asContextError(thrown).code === "execution_lost") {
      await finish({ status: "lost", duration: performance.now() - sent });
    }
    throw thrown;
  }
  if (ending.outcome === "gone") return null;

  const duration = performance.now() - sent;
  const interrupted = ending.outcome === "interrupted";
  const restarted = interrupted
    ? await call.trace.measure("kernel", () => free(run, acquired, entry, begun?.at, sent))
    : transcript.errorName === KERNEL_RESTARTED;
  if (restarted) await note(entry, call.store.noteKernelRestart(entry.contextId));
  if (interrupted && run.cancelled.aborted) {
    await finish({ status: "cancelled", duration });
    throw cancelled();
  }
  const outputs = request.outputs.length === 0
    ? []
    : await call.trace.measure("provider", () => takeFiles(acquired.sandbox, request.outputs, call.answerBy));
  const execution: Execution = {
    ...transcript.execution(interrupted),
    duration_ms: Math.round(duration),
    kernel_restarted: restarted,
    outputs,
  };
  const { context, wasCreated } = acquired;
  await finish({
    status: execution.status,
    duration,
    ...(request.idempotency_key === undefined ? {} : { answer: { context, wasCreated, execution } }),
  });
  // After what must not be lost, be it that the caller takes it slowly.
  await transcript.close();
  return execution;
}

/** Sees to it that the kernel is free for whoever comes next. Returns whether it had to be restarted. */
async function free(
  { call, request }: Run,
  { sandbox, context }: Acquired,
  entry: LedgerEntry,
  begunAt: number | undefined,
  sentAt: number,
): Promise<boolean> {
  const isInUse = () => call.executions.isKernelInUse(entry, performance.now() - (begunAt ?? sentAt));
  try {
    // It never came to this run: if others keep the kernel busy, that is why.
    if (begunAt === undefined && await isInUse()) return false;
    return await freeKernel(sandbox, request, isInUse);
  } catch (error) {
    // The next run that is not begun in time tries again.
    log("error", { event: "kernel_not_freed", context_id: context.id, error: describe(error) });
    return false;
  }
}

/** Awaits a step of the bookkeeping. Its failure must not hide what the run came to. */
async function note({ executionId, contextId }: LedgerEntry, step: Promise<unknown>): Promise<void> {
  try {
    await step;
  } catch (error) {
    const ids = { context_id: contextId, execution_id: executionId };
    log("error", { event: "execution_not_noted", ...ids, error: describe(error) });
  }
}

function cancelled(): ContextError {
  return new ContextError("cancelled", "The caller went away, and the run was stopped.");
}
