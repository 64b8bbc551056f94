/** How fast a ready path is acquired, beside other ways to do it and beside a long history. */
import { median, medianRatio } from "../statistics.ts";
import { type Load, perSecond } from "./load.ts";
import { durableUpdate, read, seedSelectTouch, touch } from "./operations.ts";

export interface TouchFigures {
  readonly touch_per_second: number;
  readonly seed_select_touch_per_second: number;
  readonly durable_update_per_second: number;
  readonly read_per_second: number;
  readonly touch_vs_seed: number;
  readonly touch_vs_update: number;
  readonly touch_vs_read: number;
}

export interface HistoryFigures {
  /** Touches a second with the long history, of those with a short one. */
  readonly history_ratio: number;
  /** Of all updates with the long history, those that changed no index. */
  readonly hot_share: number;
}

const ROUNDS = 7;

/** Takes turns, so that each round sees the machine as the others do. */
export async function measureTouch(load: Load): Promise<TouchFigures> {
  const touches: number[] = [];
  const seeds: number[] = [];
  const updates: number[] = [];
  const reads: number[] = [];
  const turns = [[touch, touches], [seedSelectTouch, seeds], [durableUpdate, updates], [read, reads]] as const;
  // The first plans of a session and the first JIT of this process are nobody's figures.
  for (const [operation] of turns) await perSecond(load, operation, 300);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [operation, results] of turns) results.push(await perSecond(load, operation));
  }
  return {
    touch_per_second: median(touches),
    seed_select_touch_per_second: median(seeds),
    durable_update_per_second: median(updates),
    read_per_second: median(reads),
    touch_vs_seed: medianRatio(touches, seeds),
    touch_vs_update: medianRatio(touches, updates),
    touch_vs_read: medianRatio(touches, reads),
  };
}

/** The same touches in a table with few and in one with many ended contexts. */
export async function measureHistory(small: Load, large: Load): Promise<HistoryFigures> {
  const few: number[] = [];
  const many: number[] = [];
  await perSecond(large, touch, 300);
  for (let round = 0; round < ROUNDS; round++) {
    few.push(await perSecond(small, touch));
    many.push(await perSecond(large, touch));
  }
  return { history_ratio: medianRatio(many, few), hot_share: await hotShare(large) };
}

async function hotShare({ sessions }: Load): Promise<number> {
  // A session hands its counts in when it next has nothing to do, and at most once a second, unless told to.
  await Promise.all(sessions.map((sql) => sql`select pg_stat_force_next_flush()`));
  const [{ share }] = await sessions[0]<{ share: number }[]>`
    select n_tup_hot_upd::float8 / n_tup_upd as share
    from pg_stat_user_tables
    where relid = 'copilot_internal.execution_contexts'::regclass
  `;
  return share;
}
