/** A branch begins as a fork of its source's sandbox, which stands still for it: no run is cut, and none begins meanwhile. */
import { attempt } from "../background.ts";
import { asContextError, ContextError } from "../errors.ts";
import { pause } from "../pause.ts";
import type { LiveSandbox } from "../sandbox/live_sandbox.ts";
import type { Source } from "./context.ts";
import type { ContextCall } from "./context_call.ts";
import { connect } from "./reach.ts";
import { stoppedBefore } from "./refusal.ts";

type BranchCall = Pick<ContextCall, "store" | "sandboxes" | "config" | "answerBy" | "ending">;

/** A sandbox with all that its source had. */
interface Fork {
  readonly sandbox: LiveSandbox;
  /** What its source was made of; null where nobody has noted it. */
  readonly template: string | null;
  /** When it was asked for, on `performance.now()`'s clock. */
  readonly asked: number;
}

/**
 * Forks the sandbox of the context that a claim names, once no execution runs there. Both are held by leases that are
 * renewed meanwhile, so a crash of either side holds the other up for no longer than one. Null: the source has ended, and
 * has nothing to give. When `stopped` aborts, nobody waits for its executions any more.
 *
 * @throws ForkFailed
 */
export async function forkSource(call: BranchCall, claimId: string, stopped?: AbortSignal): Promise<Fork | null> {
  const { store, config } = call;
  const { leaseSeconds } = config.context;
  const giveUpAt = call.answerBy - config.sandbox.createSeconds * 1000;
  for (let polls = 0;; polls++) {
    // What is held up for a run that will never be sent is held up for nothing.
    if (stopped?.aborted) throw new ForkFailed(stoppedBefore(), "not_asked");
    const heldUntil = performance.now() + leaseSeconds * 1000;
    if (!await unasked(store.keepClaim(claimId, leaseSeconds))) throw busy();
    const source = await unasked(store.holdSource(claimId, leaseSeconds));
    if (source === null) return null;
    if (source.outcome === "still") {
      const forking = await forkStill(call, source, heldUntil);
      if (forking.outcome !== "changing") return forking.outcome === "forked" ? forking.fork : null;
    }
    if (!await pause(polls, giveUpAt, call.ending)) {
      throw call.ending.aborted ? new ForkFailed(asContextError(call.ending.reason), "not_asked") : busy();
    }
  }
}

/** Lets executions begin again in the source. If that fails, they do when the lease is over. */
export async function letSourceGo({ store }: Pick<BranchCall, "store">, claimId: string, sourceId: string) {
  await attempt("source_not_let_go", sourceId, store.letSourceGo(claimId, sourceId));
}

type Forking =
  | { readonly outcome: "forked"; readonly fork: Fork }
  | { readonly outcome: "gone" | "changing" };

async function forkStill(call: BranchCall, source: Source, heldUntil: number): Promise<Forking> {
  const { store, sandboxes, config } = call;
  // It must run for that, be it that it slept.
  const connection = await unasked(connect(call, source, 0)).catch(async (thrown) => {
    await attempt("wake_not_released", source.id, store.releaseWake(source));
    throw thrown;
  });
  const asked = performance.now();
  // To wake it may have taken so long that a run could begin in the middle of the fork, and be cut by it: held anew first.
  if (connection.outcome === "connected" && asked + config.sandbox.createSeconds * 1000 > heldUntil) {
    return { outcome: "changing" };
  }
  const forking = connection.outcome === "gone" ? connection : await sandboxes.fork(source.sandbox_id, call.ending);
  if (forking.outcome === "gone") {
    await store.lose(source.id, source.sandbox_id, forking.confirmed);
    return { outcome: "gone" };
  }
  if (forking.outcome === "changing") return forking;
  if (forking.outcome === "unanswered") throw new ForkFailed(forking.error, "unanswered");
  return { outcome: "forked", fork: { sandbox: forking.sandbox, template: source.template, asked } };
}

/** Why there is no fork, and how far it came. The source is as it was. */
export class ForkFailed extends ContextError {
  /**
   * `not_asked`: E2B has not been asked for a fork, so nothing was made. `unanswered`: it has given no answer, and may be at
   * it still: what began on the source now would be cut.
   */
  constructor({ code, message, retryAfterSeconds, cause }: ContextError, readonly step: "not_asked" | "unanswered") {
    super(code, message, { retryAfterSeconds, cause });
  }
}

/** Awaits what comes before E2B is asked for a fork. */
async function unasked<Answer>(step: Promise<Answer>): Promise<Answer> {
  try {
    return await step;
  } catch (thrown) {
    throw new ForkFailed(asContextError(thrown), "not_asked");
  }
}

function busy(): ForkFailed {
  const message = "Code runs on the path to be branched from, and takes long. Try again.";
  return new ForkFailed(new ContextError("context_busy", message, { retryAfterSeconds: 1 }), "not_asked");
}
