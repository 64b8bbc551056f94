/** What follows on a run in its kernel, and whether its variables are still there. */
import type { Acquired } from "../contexts/acquire.ts";
import { describe, log } from "../log.ts";
import { KERNEL_RESTARTED } from "../sandbox/kernel.ts";
import type { LedgerEntry } from "./execution_store.ts";
import { clearEnvs, freeKernel } from "./interruption.ts";
import type { Run } from "./run.ts";
import type { RunRecord } from "./run_record.ts";
import type { Transcript } from "./transcript.ts";

/** Sees to it that the kernel of a run that was cut off is free. Returns whether it had to be restarted. */
export async function free(
  { call, request }: Pick<Run, "call" | "request">,
  { sandbox, context }: Acquired,
  entry: LedgerEntry,
  record: RunRecord,
  sent: number,
): Promise<boolean> {
  const { begunAt, count } = record;
  const isInUse = () => call.executions.isKernelInUse(entry, performance.now() - (begunAt ?? sent));
  try {
    // It never came to this run: if others keep the kernel busy, that is why.
    if (begunAt === undefined && await isInUse()) return false;
    const announce = () => record.restart();
    return await call.trace.measure(
      "kernel",
      () => freeKernel(sandbox, { program: request, count }, isInUse, announce),
    );
  } catch (error) {
    // The next run that is not begun in time tries again.
    log("error", { event: "kernel_not_freed", context_id: context.id, error: describe(error) });
    return false;
  }
}

/** What follows on a run that came to its end. Returns whether its kernel went with it. */
export async function cleanUp(
  { call, request }: Pick<Run, "call" | "request">,
  { sandbox, context }: Acquired,
  record: RunRecord,
  transcript: Transcript,
): Promise<boolean> {
  const isRestarted = transcript.errorName === KERNEL_RESTARTED;
  const { count } = record;
  const announce = () => record.restart();
  try {
    if (isRestarted) await announce();
    else return await call.trace.measure("kernel", () => clearEnvs(sandbox, { program: request, count }, announce));
  } catch (error) {
    const event = isRestarted ? "kernel_restart_not_noted" : "environment_not_cleared";
    log("error", { event, context_id: context.id, error: describe(error) });
  }
  return isRestarted;
}
