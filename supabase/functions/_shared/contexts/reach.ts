/**
 * The way to a ready context's sandbox: by what its row knows, which costs nothing, or by asking E2B, which moves the
 * sandbox's deadline and tells whether it lives.
 */
import { inBackground } from "../background.ts";
import { asContextError } from "../errors.ts";
import { describe, log } from "../log.ts";
import { pause } from "../pause.ts";
import type { LiveSandbox } from "../sandbox/live_sandbox.ts";
import type { Connection } from "../sandbox/sandboxes.ts";
import type { Context, KnownSandbox } from "./context.ts";
import type { ContextCall } from "./context_call.ts";

/** A context that is ready, and the way to its sandbox. */
export interface Reached {
  readonly context: Context;
  readonly sandbox: LiveSandbox;
  /** The last number of its kernel: one that gives a higher one to the execution is the same. Null: not known. */
  readonly kernelCount: number | null;
  /** When the call began that made it ready, or found it so, on `performance.now()`'s clock. */
  readonly knownSince: number;
}

/** What asking E2B for a sandbox came to, once it had an answer. */
type Connected = Exclude<Connection, { outcome: "changing" }>;

type ReachCall = Pick<ContextCall, "store" | "sandboxes" | "config" | "answerBy" | "ending">;

/**
 * How long a sandbox must live for sure where a run begins in it, in seconds: its deadline is moved beside the run, which
 * may take some tries.
 */
const ENOUGH_SECONDS = 60;
/**
 * How much later than its context's a sandbox's deadline is put, as a part of the TTL, and at most, in seconds: not every
 * run must move it.
 */
const AHEAD = 1 / 30;
const MOST_AHEAD_SECONDS = 60;
/**
 * How long one that is just being paused, copied or woken is asked for again, in milliseconds: a pause takes some 4 s for
 * each GiB of memory (e2b.dev/docs/sandbox/persistence).
 */
const CHANGE_MILLISECONDS = 20_000;

/** The sandbox as the row knows it, if that is enough to begin a run in it: whether it lives the run will find. */
export async function openKnown(
  { sandboxes }: Pick<ReachCall, "sandboxes">,
  context: Context & KnownSandbox,
): Promise<LiveSandbox | null> {
  if (context.sandbox_access === null || !isFar(secondsLeft(context))) return null;
  return await sandboxes.open(context.sandbox_id, context.sandbox_access);
}

/** How long a sandbox will live, as its row knows it, in seconds. Both times are on the database's clock. */
export function secondsLeft({ sandbox_deadline_at: deadline, last_used_at: now }: Context & KnownSandbox): number {
  return deadline === null ? 0 : (Date.parse(deadline) - Date.parse(now)) / 1000;
}

/** Whether a sandbox lives long enough for a run to begin in it. */
export function isFar(secondsLeft: number): boolean {
  return secondsLeft >= ENOUGH_SECONDS;
}

/**
 * Asks E2B for a context's sandbox, which wakes it if it sleeps, and has it run for as long as the context may stand idle,
 * and for `holdSeconds` more. What that tells is noted in the background.
 *
 * @throws ContextError
 */
export async function connect(call: ReachCall, context: Context, holdSeconds: number): Promise<Connected> {
  const { ttl_seconds: ttlSeconds, id: contextId, sandbox_id: sandboxId } = context;
  // E2B refuses more than its plan's most.
  const ahead = Math.min(Math.ceil(ttlSeconds * AHEAD), MOST_AHEAD_SECONDS);
  const seconds = Math.min(ttlSeconds + ahead + holdSeconds, call.config.context.maxTtlSeconds);
  let asked = performance.now();
  const giveUpAt = Math.min(call.answerBy, asked + CHANGE_MILLISECONDS);
  let connection = await call.sandboxes.connect(sandboxId, seconds);
  for (let tries = 0; connection.outcome === "changing"; tries++) {
    if (!await pause(tries, giveUpAt, call.ending)) throw connection.error;
    asked = performance.now();
    connection = await call.sandboxes.connect(sandboxId, seconds);
  }
  if (connection.outcome === "connected") {
    const note = async () => {
      const access = await call.sandboxes.seal(connection.sandbox);
      const note = { access, seconds: seconds - (performance.now() - asked) / 1000 };
      await call.store.noteSandbox({ contextId, sandboxId }, note);
    };
    inBackground("sandbox_not_noted", note());
  }
  return connection;
}

/**
 * Moves a sandbox's deadline, beside what its caller does and after it, unless its `secondsLeft` are as many as its
 * context's. What fails is tried again until they are over; then the next caller asks E2B first.
 */
export function extendBeside(call: ReachCall, context: Context, holdSeconds: number, secondsLeft: number): void {
  const contextSeconds = (Date.parse(context.expires_at) - Date.parse(context.last_used_at)) / 1000;
  // Where more would be needed than the most, it is enough to be near it.
  if (secondsLeft >= Math.min(contextSeconds, call.config.context.maxTtlSeconds - MOST_AHEAD_SECONDS)) return;
  const until = Math.min(call.answerBy, performance.now() + secondsLeft * 1000);
  inBackground("sandbox_not_extended", extend(call, context, holdSeconds, until));
}

async function extend(call: ReachCall, context: Context, holdSeconds: number, until: number): Promise<void> {
  for (let tries = 0;; tries++) {
    try {
      const connection = await connect(call, context, holdSeconds);
      // Whoever runs something in it finds that out; who comes next is told.
      if (connection.outcome === "gone") await call.store.lose(context.id, context.sandbox_id, connection.confirmed);
      return;
    } catch (thrown) {
      const error = asContextError(thrown);
      if (error.retryable && await pause(tries, until, call.ending)) continue;
      log("error", { event: "sandbox_not_extended", context_id: context.id, error: describe(error) });
      return;
    }
  }
}
