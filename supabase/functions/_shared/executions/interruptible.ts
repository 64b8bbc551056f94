/** A run in the kernel that can be cut off: by an interrupt where that can hit no other, else by dropping its connection. */
import { inBackground } from "../background.ts";
import { describe, log } from "../log.ts";
import { type Ending, run as runInKernel } from "../sandbox/kernel.ts";
import { findKernel, interruptKernel } from "../sandbox/kernel_control.ts";
import type { LiveSandbox } from "../sandbox/live_sandbox.ts";
import type { LedgerEntry } from "./execution_store.ts";
import { YIELD_MILLISECONDS } from "./interruption.ts";
import type { Run } from "./run.ts";
import type { RunRecord } from "./run_record.ts";
import type { Transcript } from "./transcript.ts";

/** How long the next execution may wait for an interrupt, in milliseconds. Longer than that can be on its way. */
const HOLD_MILLISECONDS = YIELD_MILLISECONDS + 3_000;

export type InterruptibleEnding =
  | Exclude<Ending, { outcome: "interrupted" }>
  /** The kernel took the interrupt, and is free. */
  | { readonly outcome: "yielded" }
  /** The connection was dropped. Whether the kernel is free is not known. */
  | { readonly outcome: "dropped" };

/**
 * Runs a request's code until it ends, or until `until` aborts: then it is interrupted, and has a moment to yield.
 *
 * @throws ContextError as the kernel's `run` does
 */
export async function runUntil(
  until: AbortSignal,
  { call, request, memory }: Pick<Run, "call" | "request" | "memory">,
  sandbox: LiveSandbox,
  entry: LedgerEntry,
  record: RunRecord,
  transcript: Transcript,
): Promise<InterruptibleEnding> {
  const dropped = new AbortController();
  let patience: ReturnType<typeof setTimeout> | undefined;
  let interrupting: Promise<boolean> | undefined;
  const interrupt = () => {
    patience = setTimeout(() => dropped.abort(), YIELD_MILLISECONDS);
    // What has not begun is in line behind another, or its kernel starts: there is nothing to interrupt.
    interrupting = record.begunAt === undefined
      ? Promise.resolve(false)
      : interruptAlone(call, sandbox, entry, dropped);
    void interrupting.then((isSent) => isSent || dropped.abort());
  };
  until.addEventListener("abort", interrupt);
  if (until.aborted) interrupt();
  try {
    const take = async (message: Parameters<Transcript["take"]>[0]) => {
      record.begin(message.type === "number_of_executions" ? message.execution_count : null);
      await transcript.take(message);
      memory.keepResults(transcript.resultsCharacters);
    };
    const ending = await runInKernel(sandbox, request, dropped.signal, take, () => memory.hasRoomForLine(until));
    if (ending.outcome === "interrupted") return { outcome: "dropped" };
    // It may have ended by itself, just before the interrupt was sent.
    return ending.outcome === "ended" && await interrupting ? { outcome: "yielded" } : ending;
  } finally {
    clearTimeout(patience);
    until.removeEventListener("abort", interrupt);
    // Also of a line that was cut off, or that was no message.
    memory.keepResults(transcript.resultsCharacters);
  }
}

/**
 * Interrupts an execution in its kernel, unless another one could be hit. Returns whether its kernel may have been told:
 * when that is not known, the connection is dropped, too.
 */
async function interruptAlone(
  { executions }: Pick<Run["call"], "executions">,
  sandbox: LiveSandbox,
  entry: LedgerEntry,
  dropped: AbortController,
): Promise<boolean> {
  const failed = (error: unknown) =>
    log("warning", { event: "kernel_not_interrupted", context_id: entry.contextId, error: describe(error) });
  const heldUntil = await executions.holdKernel(entry, HOLD_MILLISECONDS).catch(failed);
  if (!heldUntil) return false;
  let isTold: boolean | undefined = false;
  try {
    const id = await findKernel(sandbox, entry.language);
    if (id !== null && !dropped.signal.aborted) {
      // Unknown, while it is asked for.
      isTold = undefined;
      isTold = await interruptKernel(sandbox, id, dropped.signal);
      if (!isTold) failed(new Error("nobody takes interrupts"));
    }
  } catch (error) {
    failed(error);
    dropped.abort();
  }
  // If it may still arrive, it must find no other execution: the hold ends by itself.
  if (isTold !== undefined) inBackground("kernel_not_released", executions.releaseKernel(entry.contextId, heldUntil));
  return isTold ?? true;
}
