/** Get the path's context, or create it: one sandbox, whatever the number of callers. */
import type { Language } from "../contract/execute_code.ts";
import { attempt } from "../background.ts";
import { ContextError } from "../errors.ts";
import { letSourceGo } from "./branch.ts";
import type { ContextCall } from "./context_call.ts";
import { contextSchema } from "./context.ts";
import { create } from "./create.ts";
import { KILL_MILLISECONDS, killAll } from "./kills.ts";
import type { PathKey } from "./path_key.ts";
import { connect, extendBeside, openKnown, type Reached, secondsLeft } from "./reach.ts";
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
    /** Its caller's own for it, to stop it by. */
    readonly name?: string;
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
        if (created) {
          return {
            ...created,
            kernelCount: null,
            wasCreated: true,
            wasResumed: false,
            hasCreated: true,
            wasAsked: true,
          };
        }
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

function busy(retryAfterSeconds: number): ContextError {
  return new ContextError("context_busy", "Another request has this path's sandbox in hand. Try again.", {
    retryAfterSeconds,
  });
}
