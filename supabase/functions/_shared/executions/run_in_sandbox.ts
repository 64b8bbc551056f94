/** One run in a sandbox that is there: run, free the kernel if need be, note it in the ledger. */
import { keepAlive } from "../background.ts";
import type { Acquired } from "../contexts/acquire.ts";
import { asLoss } from "../contexts/loss.ts";
import type { Execution, OutputFile } from "../contract/execute_code.ts";
import type { Loss } from "../contract/state.ts";
import { asContextError, ContextError } from "../errors.ts";
import { takeFiles, TRANSFER_MILLISECONDS } from "../sandbox/files.ts";
import type { LiveSandbox } from "../sandbox/live_sandbox.ts";
import { handOnBy, inTime } from "../worker.ts";
import { cleanUp, free } from "./aftercare.ts";
import { assertExpected } from "./expectation.ts";
import type { LedgerEnd } from "./execution_store.ts";
import type { KeptAnswer } from "./key_store.ts";
import { type InterruptibleEnding, runUntil } from "./interruptible.ts";
import { INTERRUPTION_MILLISECONDS } from "./interruption.ts";
import { cancelled, checkTime, type Run, tellContext } from "./run.ts";
import { RunRecord } from "./run_record.ts";
import { Transcript } from "./transcript.ts";

/** The longest from a run's time limit to the note of its end, in milliseconds: calls of the database are tried again. */
const AFTERMATH_MILLISECONDS = INTERRUPTION_MILLISECONDS + TRANSFER_MILLISECONDS + 60_000;

/**
 * Runs a request's code in its sandbox. Gone, or closed: the sandbox took no code, and nothing ran.
 *
 * @throws ContextError
 */
export async function runInSandbox(
  run: Run,
  acquired: Acquired,
  lost: Loss | null,
): Promise<KeptAnswer | "gone" | "closed"> {
  const { call, request, executionId } = run;
  const { id: contextId, last_used_at: claimedAt } = acquired.context;
  const entry = { executionId, contextId, claimedAt, language: request.language };
  const absence = run.stopped.aborted ? null : await assertExpected(run, acquired, entry);
  if (absence) return absence;
  const isSent = await maySend(run);
  checkTime(run);

  const record = new RunRecord(
    call,
    entry,
    run.timeout + AFTERMATH_MILLISECONDS,
    request.idempotency_key !== undefined,
    acquired,
  );
  const until = AbortSignal.any([AbortSignal.timeout(run.timeout), run.gone, run.stopped, call.ending]);
  const transcript = new Transcript(run.tell, () => run.memory.hasRoomForLine(until));
  if (!isSent) {
    const outputs = unavailable(request);
    const execution = { ...transcript.execution("cancelled"), duration_ms: 0, kernel_restarted: false, outputs };
    return await conclude(run, { ...acquired, lost }, record, execution, { outputBytes: 0, errorName: null });
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
  const care = ending.outcome === "dropped"
    ? free(run, acquired, entry, record, sent)
    : cleanUp(run, acquired, record, transcript);
  const isRestarted = await inTime(call.ending, care) ?? false;
  const reason = ending.outcome === "ended" ? null : ending.reason;
  if (reason === "gone") {
    await record.end({ status: "cancelled", duration, ...said() });
    throw cancelled();
  }
  const execution = {
    ...transcript.execution(reason === "stopped" ? "cancelled" : reason),
    duration_ms: Math.round(duration),
    kernel_restarted: isRestarted,
    outputs: request.outputs.length === 0
      ? []
      : await inTime(call.ending, call.trace.measure("provider", () => takeOutputs(run, acquired.sandbox))) ??
        unavailable(request),
  };
  const answer = await conclude(run, { ...acquired, lost }, record, execution, said());
  await transcript.close();
  return answer;
}

/** Notes how a run ended, and tells what became of its variables meanwhile. */
async function conclude(
  run: Run,
  { context, wasCreated, wasResumed, lost }: Pick<Acquired, "context" | "wasCreated" | "wasResumed"> & {
    readonly lost: Loss | null;
  },
  record: RunRecord,
  execution: Execution,
  said: Pick<LedgerEnd, "outputBytes" | "errorName">,
): Promise<KeptAnswer> {
  // The kernel may have been restarted while the run was in line for it, or before, without anybody's notice.
  const found = await record.found();
  const isLost = found !== undefined && found.state_id !== context.state_id;
  const answer = {
    executionId: run.executionId,
    context: { ...context, ...found },
    wasCreated,
    wasResumed,
    lost: lost ?? (isLost && run.request.expects !== undefined ? asLoss(found) : null),
    stateId: record.stateId ?? found?.state_id ?? context.state_id,
    execution,
  };
  await record.end({ status: execution.status, duration: execution.duration_ms, ...said }, answer);
  // After what must not be lost, be it that the caller takes it slowly.
  if (isLost) await tellContext(run, answer);
  return answer;
}

/** None can be had when others hold too much for too long, or the worker has to end. */
async function takeOutputs(
  { call, request, gone, memory }: Run,
  sandbox: LiveSandbox,
): Promise<OutputFile[]> {
  const { outputs } = request;
  const by = Math.min(call.answerBy, handOnBy(call.ending));
  if (by > performance.now() && await memory.hasRoomForOutputs(outputs.length, gone, by)) {
    return await takeFiles(sandbox, outputs, by);
  }
  return unavailable(request);
}

function unavailable({ outputs }: Run["request"]): OutputFile[] {
  return outputs.map((path) => ({ status: "unavailable", path }));
}

/** Whether the code may be sent now: nobody has stopped it, and nobody else runs it. */
async function maySend({ call, executionId, request, stopped }: Run): Promise<boolean> {
  if (stopped.aborted) return false;
  if (request.idempotency_key === undefined) return true;
  const leave = await call.keys.send(executionId);
  if (leave !== "taken_over") return leave === "sent";
  throw new ContextError("execution_running", "Another request with this idempotency key has taken this one over.", {
    retryAfterSeconds: 1,
  });
}
