/** A run in the kernel that can be cut off: by an interrupt where that can hit no other, else by dropping its connection. */
import { inBackground } from "../background.ts";
import type { Config } from "../config.ts";
import { describe, log } from "../log.ts";
import { handOnBy } from "../worker.ts";
import { type Ending, run as runInKernel } from "../sandbox/kernel.ts";
import { findKernel, interruptKernel } from "../sandbox/kernel_control.ts";
import type { LiveSandbox } from "../sandbox/live_sandbox.ts";
import type { ExecutionStore, LedgerEntry } from "./execution_store.ts";
import { YIELD_MILLISECONDS } from "./interruption.ts";
import type { Run } from "./run.ts";
import type { RunRecord } from "./run_record.ts";
import type { Transcript } from "./transcript.ts";

/** How long the next execution may wait for an interrupt, in milliseconds. Longer than that can be on its way. */
const HOLD_MILLISECONDS = YIELD_MILLISECONDS + 3_000;

/** Why a run was cut off: what came first. */
type Reason = "timed_out" | "output_limit" | "stopped" | "gone" | "cut_off";

type Limit = Pick<Config["execution"], "outputBytes">;
type Holds = Pick<ExecutionStore, "holdKernel" | "releaseKernel">;
/** What of a sandbox it takes. */
type Kernel = Pick<LiveSandbox, "execute" | "listKernels" | "interruptKernel">;

export type InterruptibleEnding =
  | Exclude<Ending, { outcome: "interrupted" }>
  /** Yielded: the kernel took the interrupt, and is free. Dropped: the connection was, and nobody knows whether it is. */
  | { readonly outcome: "yielded" | "dropped"; readonly reason: Reason };

/**
 * Runs a request's code until it ends, or until `until` aborts, because it was stopped, or its caller has gone, or its
 * time, or its worker is about to end, which cuts it off: then it is interrupted, and has a moment to yield. One that has
 * said as much as is read is interrupted, too, and nobody listens for how it yields.
 *
 * @throws ContextError as the kernel's `run` does
 */
export async function runUntil(
  until: AbortSignal,
  { call, request, memory, stopped, gone }: Pick<Run, "request" | "memory" | "stopped" | "gone"> & {
    readonly call: {
      readonly executions: Holds;
      readonly ending: AbortSignal;
      readonly config: { readonly execution: Limit };
    };
  },
  sandbox: Kernel,
  entry: LedgerEntry,
  record: Pick<RunRecord, "begin" | "begunAt">,
  transcript: Transcript,
): Promise<InterruptibleEnding> {
  const attempt = new Attempt();
  let patience: ReturnType<typeof setTimeout> | undefined;
  let interrupting: Promise<void> | undefined;
  let reason: Reason | undefined;
  const interrupt = (why: Reason) => {
    if (reason !== undefined) return;
    reason = why;
    patience = setTimeout(() => attempt.dropped.abort(), YIELD_MILLISECONDS);
    // What has not begun is in line behind another, or its kernel starts: there is nothing to interrupt. And a worker
    // without any time left cannot wait for what an interrupt comes to.
    if (record.begunAt === undefined || handOnBy(call.ending) <= performance.now()) attempt.dropped.abort();
    else interrupting = interruptAlone(call, sandbox, entry, attempt);
  };
  const interruptUntil = () => {
    if (stopped.aborted) interrupt("stopped");
    else if (gone.aborted) interrupt("gone");
    else interrupt(call.ending.aborted ? "cut_off" : "timed_out");
  };
  until.addEventListener("abort", interruptUntil);
  if (until.aborted) interruptUntil();
  try {
    const take = async (message: Parameters<Transcript["take"]>[0]) => {
      record.begin(message.type === "number_of_executions" ? message.execution_count : null);
      await transcript.take(message);
      memory.keepResults(transcript.resultsCharacters);
    };
    const onFull = async () => {
      interrupt("output_limit");
      await Promise.race([interrupting, attempt.whenDropped]);
      // Told, it hits this run, which others are in line behind, or nothing.
      attempt.release?.();
      attempt.dropped.abort();
    };
    const ending = await runInKernel(sandbox, request, attempt.dropped.signal, take, {
      most: call.config.execution.outputBytes,
      hasRoom: () => memory.hasRoomForLine(until),
      onFull,
    });
    attempt.isOver = true;
    if (ending.outcome === "interrupted") return { outcome: "dropped", reason: reason ?? "output_limit" };
    if (ending.outcome !== "ended" || !attempt.mayHaveCome) return ending;
    await interrupting;
    attempt.release?.();
    return attempt.mayHaveCome && reason !== undefined ? { outcome: "yielded", reason } : ending;
  } finally {
    clearTimeout(patience);
    until.removeEventListener("abort", interruptUntil);
    // What is still on its way must not outlive the run.
    attempt.isOver = true;
    attempt.dropped.abort();
    // Also of a line that was cut off, or that was no message.
    memory.keepResults(transcript.resultsCharacters);
  }
}

/** How far the interrupt of one run has come. */
class Attempt {
  /** Drops the run's connection, and the interrupt's. */
  readonly dropped = new AbortController();
  readonly whenDropped = new Promise<void>((resolve) => {
    this.dropped.signal.addEventListener("abort", () => resolve());
  });
  /** Whether the run has ended, and an interrupt would come too late. */
  isOver = false;
  /** Whether its kernel may have been told. */
  mayHaveCome = false;
  /** Lets others begin, once it has been told. Where the run does not end, the hold does, by itself. */
  release: (() => void) | undefined;
}

/** Interrupts an execution in its kernel, unless another one could be hit. Where that fails, its connection is dropped. */
async function interruptAlone(
  { executions }: { readonly executions: Holds },
  sandbox: Kernel,
  entry: LedgerEntry,
  attempt: Attempt,
): Promise<void> {
  const failed = (error: unknown) => {
    log("warning", { event: "kernel_not_interrupted", context_id: entry.contextId, error: describe(error) });
    attempt.dropped.abort();
  };
  const heldUntil = await executions.holdKernel(entry, HOLD_MILLISECONDS).catch(failed);
  if (!heldUntil) return attempt.dropped.abort();
  const release = () => inBackground("kernel_not_released", executions.releaseKernel(entry.contextId, heldUntil));
  try {
    const id = await findKernel(sandbox, entry.language);
    if (id === null) attempt.dropped.abort();
    else if (!attempt.isOver && !attempt.dropped.signal.aborted) {
      attempt.mayHaveCome = true;
      attempt.mayHaveCome = await interruptKernel(sandbox, id, attempt.dropped.signal);
      if (!attempt.mayHaveCome) failed(new Error("nobody takes interrupts"));
    }
    if (attempt.mayHaveCome) attempt.release = release;
    else release();
  } catch (error) {
    failed(error);
    // One that may still arrive must find no other execution.
    if (!attempt.mayHaveCome) release();
  }
}
