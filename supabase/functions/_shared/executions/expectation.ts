/** Whether the variables are there that a request will not run without, asked where its code is about to be sent. */
import type { Acquired } from "../contexts/acquire.ts";
import { lossOf, stateLost } from "../contexts/loss.ts";
import type { Loss } from "../contract/state.ts";
import { asContextError } from "../errors.ts";
import { unavailable } from "../sandbox/kernel.ts";
import type { LedgerEntry } from "./execution_store.ts";
import { ask } from "./interruption.ts";
import type { Run } from "./run.ts";

/**
 * How the variables were lost that the request expects; null when they are there, or it expects none.
 *
 * @throws ContextError `state_lost` when it will not run without them
 */
export async function meetExpectation(
  { call, request: { expects, on_loss } }: Pick<Run, "call" | "request">,
  { context }: Pick<Acquired, "context">,
): Promise<Loss | null> {
  const lost = await lossOf(call, context, expects);
  if (lost && on_loss === "refuse") throw stateLost(context.state_id, lost);
  return lost;
}

/**
 * Asks the kernel itself, for a request that will not run without its variables: it may have gone since the context was
 * acquired, or before that without anybody's notice. One that others keep busy is alive. Returns whether there was nobody
 * to ask.
 *
 * @throws ContextError `state_lost`, or when it could not be asked
 */
export async function assertExpected(
  run: Pick<Run, "call" | "request">,
  { context, sandbox }: Acquired,
  entry: LedgerEntry,
): Promise<"gone" | "closed" | null> {
  const { call, request } = run;
  if (request.expects === undefined || request.on_loss !== "refuse") return null;
  const asked = performance.now();
  const { outcome, count, isRestarted } = await call.trace.measure("kernel", () => ask(sandbox, request))
    .catch((thrown) => {
      // Of the request's own code nothing has been sent.
      throw asContextError(thrown).code === "execution_lost" ? unavailable("the question was lost") : thrown;
    });
  if (outcome === "gone" || outcome === "closed") return outcome;
  if (isRestarted) await call.executions.noteKernelRestart(entry);
  const state = await call.executions.state(entry, count, performance.now() - asked);
  if (state) await meetExpectation(run, { context: { ...context, ...state } });
  return null;
}
