/** What callers feel of the clean-up. */
import type postgres from "postgres";
import { percentile } from "../statistics.ts";
import { cleanup, DAYS_LEFT } from "./deletion.ts";
import { latencies, type Load } from "./load.ts";
import { create, touch } from "./operations.ts";
import { HISTORY_DAYS, OLDEST_DAYS, rest } from "./rows.ts";

export interface LatencyFigures {
  readonly acquire_p99_ms: number;
  readonly acquire_p99_with_cleanup_ms: number;
  readonly p99_ratio: number;
  readonly create_p99_ms: number;
  readonly create_p99_with_cleanup_ms: number;
}

interface Latencies {
  readonly touches: number[];
  readonly creates: number[];
}

const ROUNDS = 4;
const ROUND_DAYS = (DAYS_LEFT - (OLDEST_DAYS - HISTORY_DAYS)) / ROUNDS;

/** A tail needs this many milliseconds of samples, however fast the clean-up is. */
const QUIET_MILLISECONDS = 3000;

/** Each session begins a touch in so many milliseconds: a busy system, not a saturated one. */
const INTERVAL = 5;

/** Acquires at a steady pace, alternately by itself and for as long as the clean-up takes. */
export async function measureLatency({ sessions: [worker, creator, ...callers] }: Load): Promise<LatencyFigures> {
  const quiet: Latencies = { touches: [], creates: [] };
  const busy: Latencies = { touches: [], creates: [] };
  let days = DAYS_LEFT;
  for (let round = 0; round < ROUNDS; round++) {
    await rest(worker);
    await acquireDuring(pause(QUIET_MILLISECONDS), callers, creator, quiet);
    days -= ROUND_DAYS;
    await acquireDuring(cleanup(worker, days), callers, creator, busy);
  }
  const quietP99 = percentile(quiet.touches, 99);
  const busyP99 = percentile(busy.touches, 99);
  return {
    acquire_p99_ms: quietP99,
    acquire_p99_with_cleanup_ms: busyP99,
    p99_ratio: busyP99 / quietP99,
    create_p99_ms: percentile(quiet.creates, 99),
    create_p99_with_cleanup_ms: percentile(busy.creates, 99),
  };
}

async function acquireDuring(
  work: Promise<unknown>,
  callers: readonly postgres.Sql[],
  creator: postgres.Sql,
  { touches, creates }: Latencies,
): Promise<void> {
  let isOver = false;
  const [created, ...touched] = await Promise.all([
    latencies(creator, create, 2 * INTERVAL, () => isOver),
    ...callers.map((sql) => latencies(sql, touch, INTERVAL, () => isOver)),
    work.finally(() => isOver = true).then(() => []),
  ]);
  creates.push(...created);
  touches.push(...touched.flat());
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
