/** How fast contexts expire and old ones are deleted. */
import type postgres from "postgres";
import { median, medianRatio } from "../statistics.ts";
import type { Load } from "./load.ts";
import { HISTORY_DAYS, insertActive, OLDEST_DAYS, rest } from "./rows.ts";

export interface ExpiryFigures {
  readonly expire_rows_per_second: number;
}

export interface DeletionFigures {
  readonly cleanup_rows_per_second: number;
  readonly delete_rows_per_second: number;
  readonly cleanup_vs_delete: number;
}

/** Deletes what ended more than so many days ago, and says how much that was. */
type Deletion = (sql: postgres.Sql, days: number) => Promise<number>;

const BATCH = 250;
const EXPIRY_ROUNDS = 3;
const DUE = 10_000;

/** Half of the history, in pairs of rounds; each round deletes the same number of days. */
const PAIRS = 2;
const ROUND_DAYS = HISTORY_DAYS / 2 / (2 * PAIRS);

/** The days that {@link measureDeletion} leaves: what is younger than this. */
export const DAYS_LEFT = OLDEST_DAYS - HISTORY_DAYS / 2;

/** Rows a second when `DUE` contexts are past their deadline. */
export async function measureExpiry({ sessions: [sql] }: Load): Promise<ExpiryFigures> {
  const rates: number[] = [];
  for (let round = 0; round < EXPIRY_ROUNDS; round++) {
    await insertActive(sql, `due in round ${round},`, DUE, "-1 second");
    await rest(sql);
    rates.push(await rowsPerSecond(() => untilShort(() => expire(sql))));
  }
  return { expire_rows_per_second: median(rates) };
}

/** The clean-up against a plain DELETE, the oldest days first. */
export async function measureDeletion({ sessions: [sql] }: Load): Promise<DeletionFigures> {
  const cleanups: number[] = [];
  const deletes: number[] = [];
  let days = OLDEST_DAYS;
  for (let pair = 0; pair < PAIRS; pair++) {
    for (const [deletion, rates] of [[plainDelete, deletes], [cleanup, cleanups]] as const) {
      days -= ROUND_DAYS;
      await rest(sql);
      rates.push(await rowsPerSecond(() => deletion(sql, days)));
    }
  }
  return {
    cleanup_rows_per_second: median(cleanups),
    delete_rows_per_second: median(deletes),
    cleanup_vs_delete: medianRatio(deletes, cleanups),
  };
}

/** As the schedule runs it. */
export const cleanup: Deletion = async (sql, days) => {
  const [{ deleted_count }] = await sql<{ deleted_count: number }[]>`
    select deleted_count from copilot_internal.cleanup_until_done(${days}, ${BATCH})
  `;
  return deleted_count;
};

/** A transaction each batch, in no order, with no regard for locks or kills that are owed. */
const plainDelete: Deletion = (sql, days) =>
  untilShort(async () => {
    const { count } = await sql`
      delete from copilot_internal.execution_contexts
      where id in (
        select id from copilot_internal.execution_contexts
        where terminated_at < clock_timestamp() - make_interval(days => ${days})
        limit ${sql.unsafe(String(BATCH))}
      )
    `;
    return count;
  });

async function expire(sql: postgres.Sql): Promise<number> {
  const [{ expired_count }] = await sql<{ expired_count: number }[]>`
    select expired_count from copilot_internal.expire_execution_contexts(${BATCH})
  `;
  return expired_count;
}

/** Runs batches until one is not full. */
async function untilShort(batch: () => Promise<number>): Promise<number> {
  let rows = 0;
  for (;;) {
    const count = await batch();
    rows += count;
    if (count < BATCH) return rows;
  }
}

async function rowsPerSecond(work: () => Promise<number>): Promise<number> {
  const started = performance.now();
  const rows = await work();
  return rows * 1000 / (performance.now() - started);
}
