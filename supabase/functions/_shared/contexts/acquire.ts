/** Get the path's context, or create it: one sandbox, whatever the number of callers. */
import type { Language } from "../contract/execute_code.ts";
import { asContextError, ContextError, type ErrorCode } from "../errors.ts";
import { describe, log } from "../log.ts";
import type { LiveSandbox } from "../sandbox/live_sandbox.ts";
import { ForkFailed, forkSource, letSourceGo } from "./branch.ts";
import type { ContextCall } from "./context_call.ts";
import { type Claim, contextSchema } from "./context.ts";
import { KILL_MILLISECONDS, killAll } from "./kills.ts";
import type { PathKey } from "./path_key.ts";
import { connect, extendBeside, isFar, openKnown, type Reached, secondsLeft } from "./reach.ts";
import { refusalOf, secondsUntil, stoppedBefore } from "./refusal.ts";
import { sweepInPassing } from "./sweep.ts";
import { Seat } from "./waiting.ts";

type AcquireCall = Pick<ContextCall, "store" | "sandboxes" | "config" | "trace" | "answerBy" | "ending">;

export interface AcquireOptions {
  /** How long the context may stand idle. Absent, it stays as it is, or is as the settings say for a new one. */
  readonly ttlSeconds?: number;
  /** The path of which a new context begins as a fork, if that has a context. */
  readonly fromPathId?: string;
  /** The execution that follows at once, if one does. */
  readonly execution?: {
    readonly id: string;
    readonly language: Language;
    /** How long it may take, in seconds: the context must outlive it. */
    readonly seconds: number;
  };
  /** Whether E2B must have said that the sandbox lives. Not for an execution, which finds that out by itself. */
  readonly isAsked: boolean;
  /** Aborts when the execution has been stopped. */
  readonly stopped?: AbortSignal;
  /** Whether another path of the conversation may be ended for this one. */
  readonly evict?: boolean;
  /** False: this request has created a sandbox already, and must not create another. */
  readonly mayCreate?: boolean;
}

export interface Acquired extends Reached {
  readonly wasCreated: boolean;
  /** Whether this request woke its sandbox. */
  readonly wasResumed: boolean;
  /** Whether E2B has said that the sandbox lives. If not, it did when its row was written. */
  readonly wasAsked: boolean;
  /** Whether this request has asked for a sandbox, be it this one or one that came too late. */
  readonly hasCreated: boolean;
}

/** How long after its request's time an execution may count as open, in seconds: its end is noted, or its process died. */
const AFTERMATH_SECONDS = 60;

/** How often a claim that may evict is tried again where there was nothing to evict: some 0.4 s. */
const REFUSALS = 4;

/** Errors that a second attempt at once would only repeat: whoever waits for the claim is told them as they are. */
const FINAL = new Set<ErrorCode>(["rate_limited", "out_of_sandboxes", "misconfigured", "cannot_fork"]);

/**
 * Acquires the path's context: reaches its sandbox, creates one, or waits for whoever is creating it.
 *
 * A request creates at most one sandbox. Whatever step it dies at, the path is free again when the lease ends, and
 * the sandbox dies on probation.
 *
 * @throws ContextError
 */
export async function acquire(call: AcquireCall, key: PathKey, options: AcquireOptions): Promise<Acquired> {
  call.trace.about({ tenant_id: key.tenantId });
  const { maxTtlSeconds } = call.config.context;
  if (options.ttlSeconds !== undefined && options.ttlSeconds > maxTtlSeconds) {
    throw new ContextError("invalid_request", `ttl_seconds must be at most ${maxTtlSeconds}.`, {
      field: "ttl_seconds",
    });
  }
  const seat = new Seat(key);
  let acquired: Acquired | undefined;
  try {
    acquired = await reachOrCreate(call, key, options, seat);
    return acquired;
  } finally {
    seat.leave(acquired);
  }
}

async function reachOrCreate(
  call: AcquireCall,
  key: PathKey,
  options: AcquireOptions,
  seat: Seat,
): Promise<Acquired> {
  const { store, config, trace } = call;
  // The platform would answer in our place, and nobody would know what became of the request.
  const giveUpAt = Math.min(performance.now() + config.context.waitSeconds * 1000, call.answerBy);
  let mayCreate = options.mayCreate ?? true;
  const holdSeconds = options.execution?.seconds ?? 0;
  const execution = options.execution && {
    ...options.execution,
    perMinute: config.execution.perMinute,
    openSeconds: Math.ceil((call.answerBy - performance.now()) / 1000) + AFTERMATH_SECONDS,
  };
  // An execution has to be known before it waits: it may be stopped.
  let awaitedId = options.execution ? undefined : seat.claimInHand;
  if (awaitedId !== undefined && !await seat.wait(giveUpAt, call.ending)) throw busy(1);

  for (let refusals = 0;;) {
    call.ending.throwIfAborted();
    if (options.stopped?.aborted) throw stoppedBefore();
    const { reached } = seat;
    if (reached && isEnough(reached, options)) {
      trace.about({ context_id: reached.context.id });
      return { ...reached, wasCreated: false, wasResumed: false, hasCreated: !mayCreate, wasAsked: true };
    }
    const knownSince = performance.now();
    const claim = await store.claim(key, {
      leaseSeconds: config.context.leaseSeconds,
      keepSeconds: config.context.keepSeconds,
      defaultTtlSeconds: config.context.ttlSeconds,
      ttlSeconds: options.ttlSeconds,
      holdSeconds,
      awaitedId,
      tenantQuota: config.context.tenantQuota,
      conversationQuota: config.context.conversationQuota,
      probationSeconds: config.sandbox.probationSeconds,
      createsPerMinute: config.context.createsPerMinute,
      execution,
      fromPathId: options.fromPathId,
      // Not for a place that this request could not clear, or not use any more.
      evict: (options.evict ?? false) && mayCreate &&
        performance.now() + KILL_MILLISECONDS + config.sandbox.createSeconds * 1000 < call.answerBy,
    });
    if (claim.outcome === "reused" || claim.outcome === "claimed") trace.about({ context_id: claim.id });
    switch (claim.outcome) {
      case "reused": {
        // Only what callers may be told goes on from here: answers are kept.
        const context = contextSchema.parse(claim);
        const reused = {
          context,
          kernelCount: claim.kernel_count,
          knownSince,
          wasCreated: false,
          hasCreated: !mayCreate,
        };
        // One that has become ready while this request waited lives as surely as if it had been asked for.
        const isAsked = options.isAsked && (options.execution !== undefined || claim.id !== awaitedId);
        const known = isAsked ? null : await openKnown(call, claim);
        if (known) {
          extendBeside(call, claim, holdSeconds, secondsLeft(claim));
          return { ...reused, sandbox: known, wasResumed: false, wasAsked: false };
        }
        const connection = await connect(call, claim, holdSeconds).catch(async (thrown) => {
          if (claim.was_asleep) await attempt("wake_not_released", claim.id, store.releaseWake(claim));
          throw thrown;
        });
        if (connection.outcome === "connected") {
          const { sandbox, wasResumed } = connection;
          return { ...reused, sandbox, wasResumed, wasAsked: true };
        }
        await store.lose(claim.id, claim.sandbox_id, connection.confirmed);
        break;
      }
      case "claimed": {
        // The path goes to whoever asks next: this request may not create a second time, or has no time left to.
        if (!mayCreate || performance.now() + config.sandbox.createSeconds * 1000 > call.answerBy) {
          const message = "This request could not create the path's sandbox. Try again.";
          const error = new ContextError("context_busy", message, { retryAfterSeconds: 1 });
          await store.fail(claim.id, error, { final: false, mayLive: false });
          if (claim.forked_from_context_id !== null) await letSourceGo(call, claim.id, claim.forked_from_context_id);
          throw error;
        }
        mayCreate = false;
        seat.take(claim.id);
        const created = await create(call, claim, holdSeconds, options.stopped);
        if (created) return created;
        break;
      }
      case "pending": {
        awaitedId = claim.id ?? undefined;
        if (!await seat.wait(giveUpAt, call.ending)) throw busy(secondsUntil(claim.expires_at));
        break;
      }
      case "evicted":
        // What fails is owed, and its place is taken until then.
        await killAll(call, [{ contextId: claim.id, sandboxId: claim.sandbox_id }]);
        break;
      case "quota_exceeded":
        // The end of a run that has been answered may be on its way into the ledger: until then its path counts as busy.
        if (options.evict && refusals++ < REFUSALS && await seat.wait(giveUpAt, call.ending)) break;
        // What holds a place may be a kill that is owed.
        sweepInPassing(call);
        throw refusalOf(claim);
      default:
        throw refusalOf(claim);
    }
    if (performance.now() >= giveUpAt) throw busy(1);
  }
}

/** Whether what another request has reached is all that this one wants: it must not run anything, nor move the deadline. */
function isEnough({ context }: Reached, { execution, ttlSeconds }: AcquireOptions): boolean {
  return execution === undefined && (ttlSeconds === undefined || ttlSeconds === context.ttl_seconds);
}

/** Creates the sandbox of a claim that we hold. Null: the claim ended meanwhile, and the sandbox has been killed. */
async function create(
  call: AcquireCall,
  { id: claimId, ...own }: Extract<Claim, { outcome: "claimed" }>,
  holdSeconds: number,
  stopped?: AbortSignal,
): Promise<Acquired | null> {
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
  const created = {
    context,
    kernelCount: null,
    knownSince,
    wasCreated: true,
    wasResumed: false,
    hasCreated: true,
    wasAsked: true,
  };
  if (holdSeconds === 0 || isFar(secondsLeft())) {
    extendBeside(call, context, holdSeconds, secondsLeft());
    return { ...created, sandbox };
  }
  // What runs must not end with it. If this throws, the context stays, and the next caller's connect does the same, as
  // long as probation lasts.
  const connection = await connect(call, context, holdSeconds);
  if (connection.outcome === "gone") {
    throw new ContextError("sandbox_unavailable", "The new sandbox has ended at once. Try again.");
  }
  return { ...created, sandbox: connection.sandbox };
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
  call: AcquireCall,
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

/** Awaits a step whose failure must not hide what the caller is to be told. The lease or probation makes up for it. */
async function attempt(event: string, contextId: string, step: Promise<unknown>): Promise<void> {
  try {
    await step;
  } catch (error) {
    log("error", { event, context_id: contextId, error: describe(error) });
  }
}

function busy(retryAfterSeconds: number): ContextError {
  return new ContextError("context_busy", "Another request has this path's sandbox in hand. Try again.", {
    retryAfterSeconds,
  });
}
