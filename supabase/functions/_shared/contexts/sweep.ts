/** Kill what nobody owns, finish terminations, retire what is due: in small batches, and any number of them at once. */
import * as z from "zod/mini";
import { inBackground } from "../background.ts";
import type { SweepResponse } from "../contract/terminate_context.ts";
import { describe, log } from "../log.ts";
import type { ContextCall } from "./context_call.ts";
import type { SandboxOfContext, SweepPlace } from "./context.ts";
import { killAll } from "./kills.ts";

type SweepCall = Pick<ContextCall, "store" | "sandboxes" | "config" | "answerBy" | "ending">;

/** How much one sweep may do: pg_net does not wait long, and the next sweep is a minute away. */
export interface SweepBudget {
  /** Rows retired at once, and owed kills taken on at once. */
  readonly rows: number;
  /** Whether to go on while there are as many owed kills as were taken on. */
  readonly untilDone: boolean;
  /** Pages of E2B's list, of 100 sandboxes each. */
  readonly pages: number;
  /** Whether its end is noted, for those who watch that sweeps go on. */
  readonly isNoted: boolean;
}

export const SCHEDULED: SweepBudget = { rows: 100, untilDone: true, pages: 20, isNoted: true };
/** What requests do in the background after they have answered, for projects without the schedule. */
const IN_PASSING: SweepBudget = { rows: 10, untilDone: false, pages: 1, isNoted: false };
const IN_PASSING_MILLISECONDS = 30_000;

/** When this isolate last began a sweep, on `performance.now()`'s clock. */
let lastSweep = -Infinity;

/**
 * Sweeps. A kill that fails is counted and stays owed; the next sweep tries it again.
 *
 * @throws ContextError when the database, or E2B's list, cannot be asked, or the worker is about to end
 */
export async function sweep(call: SweepCall, budget: SweepBudget): Promise<SweepResponse> {
  call.ending.throwIfAborted();
  lastSweep = performance.now();
  const expired = await call.store.expireDue(budget.rows, call.config.context.sleepingQuota);
  const killed = { done: 0, failed: 0 };
  // Until nothing is owed, or for half the time: the other half is for the orphans.
  const halfTime = (performance.now() + call.answerBy) / 2;
  let taken: number;
  do {
    const owed = await call.store.takeOwedKills(budget.rows);
    const { done, failed } = await killAll(call, owed);
    killed.done += done;
    killed.failed += failed;
    taken = owed.length;
  } while (budget.untilDone && taken === budget.rows && performance.now() < halfTime && !call.ending.aborted);
  const found = await findOrphans(call, budget.pages);
  const orphans = await killAll(call, found.orphans);
  // After the kills: what this sweep does not come to, the next one must find again.
  await call.store.moveSweepPlace(found.place, orphans.failed === 0);
  // One that the worker's end has cut short has not been everywhere.
  if (budget.isNoted && !call.ending.aborted) await call.store.noteSweep();
  return { expired, killed: killed.done, orphans: orphans.done, failed: killed.failed + orphans.failed };
}

/**
 * The sandboxes in E2B's list that no active context owns, and that are too old to belong to a claim in flight. Goes on
 * where the last sweep ended: what lies behind more pages than one sweep may read is come to as well.
 */
async function findOrphans(
  { store, sandboxes, config, ending }: SweepCall,
  pages: number,
): Promise<{ readonly orphans: SandboxOfContext[]; readonly place: SweepPlace }> {
  const { createSeconds, probationSeconds } = config.sandbox;
  const bornBefore = Date.now() - (createSeconds + probationSeconds) * 1000;
  const orphans: SandboxOfContext[] = [];
  const { page_token, walk_began_at } = await store.sweepPlace();
  let pageToken = page_token ?? undefined;
  for (let page = 0; page < pages && !ending.aborted; page++) {
    const listed = await listFrom(sandboxes, pageToken);
    const old = listed.sandboxes.filter(({ startedAt }) => startedAt.getTime() < bornBefore);
    const candidates = old.flatMap(({ sandboxId, contextId }) =>
      // The ids of others who use the account may look like anything.
      contextId !== undefined && z.uuid().safeParse(contextId).success ? [{ sandboxId, contextId }] : []
    );
    if (candidates.length > 0) orphans.push(...await store.findOrphans(candidates));
    pageToken = listed.nextPageToken;
    // The oldest come first: behind a page with young ones are only younger ones.
    if (old.length < listed.sandboxes.length) pageToken = undefined;
    if (pageToken === undefined) break;
  }
  return { orphans, place: { page_token: pageToken ?? null, walk_began_at } };
}

/** A page of E2B's list; the first one where E2B does not know the token of a later one any more. */
async function listFrom(sandboxes: SweepCall["sandboxes"], pageToken: string | undefined) {
  try {
    return await sandboxes.list(pageToken);
  } catch (thrown) {
    if (pageToken === undefined) throw thrown;
    log("warning", { event: "sweep_begins_anew", error: describe(thrown) });
    return await sandboxes.list();
  }
}

/** Sweeps a little in the background, unless this isolate has in the last half minute: for projects without the schedule. */
export function sweepInPassing(call: SweepCall): void {
  if (call.ending.aborted || performance.now() - lastSweep < IN_PASSING_MILLISECONDS) return;
  inBackground("sweep_in_passing_failed", sweep(call, IN_PASSING));
}
