/** Turning a claim into a context: its sandbox is made, or forked from its source's, and then committed. */
import { attempt } from "../background.ts";
import { asContextError, ContextError, type ErrorCode } from "../errors.ts";
import { log } from "../log.ts";
import type { LiveSandbox } from "../sandbox/live_sandbox.ts";
import { ForkFailed, forkSource, letSourceGo } from "./branch.ts";
import type { Claim } from "./context.ts";
import type { ContextCall } from "./context_call.ts";
import { connect, extendBeside, isFar, type Reached } from "./reach.ts";

type CreateCall = Pick<ContextCall, "store" | "sandboxes" | "config" | "answerBy" | "ending">;
type Created = Omit<Reached, "kernelCount">;

/** Errors that a second attempt at once would only repeat: whoever waits for the claim is told them as they are. */
const FINAL = new Set<ErrorCode>(["rate_limited", "out_of_sandboxes", "misconfigured", "cannot_fork"]);

/** Creates the sandbox of a claim that we hold. Null: the claim ended meanwhile, and the sandbox has been killed. */
export async function create(
  call: CreateCall,
  { id: claimId, ...own }: Extract<Claim, { outcome: "claimed" }>,
  holdSeconds: number,
  stopped?: AbortSignal,
): Promise<Created | null> {
  const { store, sandboxes } = call;
  const sourceId = own.forked_from_context_id;
  let born: Born;
  try {
    born = await beget(call, claimId, own, stopped);
  } catch (thrown) {
    const error = asContextError(thrown);
    // What is final is E2B's refusal; after anything else it may have made a sandbox, unless it has not been asked yet.
    const final = FINAL.has(error.code);
    const forked = error instanceof ForkFailed ? error.step : null;
    const mayLive = !final && forked !== "not_asked";
    await attempt("claim_not_failed", claimId, store.fail(claimId, error, { final, mayLive }));
    // One that E2B may be forking still is held until the lease is over.
    if (sourceId !== null && forked !== "unanswered") await letSourceGo(call, claimId, sourceId);
    throw error;
  }
  const { sandbox, template, isFork } = born;
  const secondsLeft = () => call.config.sandbox.probationSeconds - (performance.now() - born.asked) / 1000;

  // If this throws, nobody knows whether the context was committed. Then the sandbox must not be killed: probation
  // ends it if it is nobody's, and the next caller adopts it if it is the path's.
  const note = { access: await sandboxes.seal(sandbox), seconds: secondsLeft() };
  const knownSince = performance.now();
  const context = await store.activate(claimId, { sandboxId: sandbox.sandboxId, template, isFork, note }, holdSeconds);
  if (sourceId !== null) await letSourceGo(call, claimId, sourceId);
  if (!context) {
    log("warning", { event: "claim_fenced_off", context_id: claimId });
    const settled = sandboxes.kill(sandbox.sandboxId).then(() => store.settle(claimId));
    await attempt("sandbox_not_killed", claimId, settled);
    return null;
  }

  // Ends probation. By connect, because it never shortens: a caller who waited may have asked for more by now.
  if (holdSeconds === 0 || isFar(secondsLeft())) {
    extendBeside(call, context, holdSeconds, secondsLeft());
    return { context, sandbox, knownSince };
  }
  // What runs must not end with it. If this throws, the context stays, and the next caller's connect does the same, as
  // long as probation lasts.
  const connection = await connect(call, context, holdSeconds);
  if (connection.outcome === "gone") {
    throw new ContextError("sandbox_unavailable", "The new sandbox has ended at once. Try again.");
  }
  return { context, sandbox: connection.sandbox, knownSince };
}

/** A sandbox on probation. */
interface Born {
  readonly sandbox: LiveSandbox;
  readonly template: string;
  readonly isFork: boolean;
  /** When it was asked for, on `performance.now()`'s clock. */
  readonly asked: number;
}

/** A fork of the claim's source, or, where that has nothing to give, an empty sandbox. */
async function beget(
  call: CreateCall,
  claimId: string,
  own: Omit<Extract<Claim, { outcome: "claimed" }>, "id">,
  stopped?: AbortSignal,
): Promise<Born> {
  const template = own.template ?? call.config.sandbox.template;
  const fork = own.forked_from_context_id === null ? null : await forkSource(call, claimId, stopped);
  if (fork) return { ...fork, template: fork.template ?? template, isFork: true };
  const asked = performance.now();
  const sandbox = await call.sandboxes.create(claimId, {
    template,
    internetAccess: own.allow_internet ?? undefined,
    allowedHosts: own.allowed_hosts ?? undefined,
    maySleep: call.config.context.keepSeconds > 0,
  }, call.ending);
  return { sandbox, template, isFork: false, asked };
}
