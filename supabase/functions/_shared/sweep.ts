/** Kill what nobody owns, finish terminations, retire what is due: in small batches, and any number of them at once. */
import { z } from "zod";
import type { Config } from "./config.ts";
import type { ContextStore, OwnedSandbox } from "./context_store.ts";
import type { SweepResponse } from "./contract.ts";
import { describe, log } from "./log.ts";
import type { Sandboxes } from "./sandboxes.ts";

export interface SweepParts {
  readonly store: ContextStore;
  readonly sandboxes: Sandboxes;
  readonly config: Pick<Config, "sandbox">;
}

/** How much one sweep may do: pg_net does not wait long, and the next sweep is a minute away. */
export interface SweepBudget {
  /** Rows retired, and kills that are owed. */
  readonly rows: number;
  /** Pages of E2B's list, of 100 sandboxes each. */
  readonly pages: number;
}

export const SCHEDULED: SweepBudget = { rows: 100, pages: 20 };
/** What requests do in the background after they have answered, for projects without the schedule. */
export const IN_PASSING: SweepBudget = { rows: 5, pages: 0 };

/** Kills at once: E2B allows thousands of operations a minute, and a function few connections. */
const KILLS_AT_ONCE = 10;

/**
 * Sweeps. A kill that fails is counted and stays owed; the next sweep tries it again.
 *
 * @throws ContextError when the database, or E2B's list, cannot be asked
 */
export async function sweep(parts: SweepParts, budget: SweepBudget): Promise<SweepResponse> {
  const { store, sandboxes } = parts;
  const expired = await store.expireDue(budget.rows);
  const owed = await store.takeOwedKills(budget.rows);
  const killed = await settle(owed, async ({ id, sandbox_id }) => {
    await sandboxes.kill(sandbox_id);
    await store.confirmKilled(id);
  }, ({ id }) => id);

  const orphans = await findOrphans(parts, budget.pages);
  const swept = await settle(
    orphans,
    ({ sandboxId }) => sandboxes.kill(sandboxId),
    ({ contextId }) => contextId,
  );
  return {
    expired,
    killed: killed.done,
    orphans: swept.done,
    failed: killed.failed + swept.failed,
  };
}

/** The sandboxes in E2B's list that no active context owns, and that are too old to belong to a claim in flight. */
async function findOrphans({ store, sandboxes, config }: SweepParts, pages: number): Promise<OwnedSandbox[]> {
  const { createSeconds, probationSeconds } = config.sandbox;
  const bornBefore = Date.now() - (createSeconds + probationSeconds) * 1000;
  const orphans: OwnedSandbox[] = [];
  let pageToken: string | undefined;
  for (let page = 0; page < pages; page++) {
    const listed = await sandboxes.list(pageToken);
    const old = listed.sandboxes.flatMap(({ sandboxId, startedAt, contextId }) =>
      // The ids of others who use the account may look like anything.
      startedAt.getTime() < bornBefore && contextId !== undefined && z.uuid().safeParse(contextId).success
        ? [{ sandboxId, contextId }]
        : []
    );
    if (old.length > 0) orphans.push(...await store.findOrphans(old));
    pageToken = listed.nextPageToken;
    // The oldest come first: behind a page with young ones are only younger ones.
    if (pageToken === undefined || old.length < listed.sandboxes.length) break;
  }
  return orphans;
}

/** Does the step for each item, some at once. A failure is logged with its context and stops nobody else. */
async function settle<Item>(
  items: readonly Item[],
  step: (item: Item) => Promise<void>,
  contextOf: (item: Item) => string,
): Promise<{ done: number; failed: number }> {
  const queue = [...items];
  let failed = 0;
  const work = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      try {
        await step(item);
      } catch (error) {
        failed++;
        log("error", { event: "kill_not_confirmed", context_id: contextOf(item), error: describe(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: KILLS_AT_ONCE }, work));
  return { done: items.length - failed, failed };
}
