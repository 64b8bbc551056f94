/** The same calls on tables of all sizes. */
import type postgres from "postgres";
import { startPostgres } from "../../../local/postgres/postgres.ts";
import { DURABLE } from "../durable.ts";
import { percentile } from "../statistics.ts";
import { OPERATIONS } from "./operations.ts";
import { insertActive } from "./rows.ts";
import { makeTables, type Table } from "./tables.ts";

export interface GrowthOptions {
  /** The numbers of ended contexts. */
  readonly rows: readonly number[];
  /** Calls of each kind on each table. */
  readonly rounds: number;
  readonly onProgress: (message: string) => void;
}

export interface Point {
  readonly active: number;
  readonly ended: number;
  readonly p50_ms: number;
  readonly p95_ms: number;
}

export interface Growth {
  readonly points: readonly Point[];
  /** The median with the most rows of both kinds, of that with the fewest. */
  readonly ratio: number;
}

export interface GrowthFigures {
  readonly operations: Readonly<Record<string, Growth>>;
  /** How often any of the calls read a whole table of contexts. */
  readonly sequential_scans: number;
}

const ACTIVE = [10, 10_000];

/** A session makes its plans for good within so many calls: no figures yet. */
const WARM_UP = 10;

/** Measures on a Postgres of its own and removes it. The tables take turns, so that each sees the machine as others do. */
export async function measureGrowth({ rows, rounds, onProgress }: GrowthOptions): Promise<GrowthFigures> {
  const server = await startPostgres({ settings: DURABLE, onProgress });
  try {
    await using tables = await makeTables(server, { active: ACTIVE, ended: rows }, insertActive, onProgress);
    const before = await scans(tables.all);
    const operations: Record<string, Growth> = {};
    for (const [name, operation] of Object.entries(OPERATIONS)) {
      onProgress(`Measuring: ${name}`);
      const times = new Map<Table, number[]>(tables.all.map((table) => [table, []]));
      for (let round = -WARM_UP; round < rounds; round++) {
        for (const [table, taken] of times) {
          const milliseconds = await operation(table);
          if (round >= 0) taken.push(milliseconds);
        }
      }
      operations[name] = inOrder([...times]);
    }
    return { operations, sequential_scans: await scans(tables.all) - before };
  } finally {
    await server.stop();
  }
}

function inOrder(times: readonly (readonly [Table, number[]])[]): Growth {
  const points = times
    .map(([{ active, ended }, taken]) => ({
      active,
      ended,
      p50_ms: percentile(taken, 50),
      p95_ms: percentile(taken, 95),
    }))
    .sort((a, b) => a.active - b.active || a.ended - b.ended);
  return { points, ratio: (points.at(-1)?.p50_ms ?? NaN) / points[0].p50_ms };
}

async function scans(tables: readonly Table[]): Promise<number> {
  const counts = await Promise.all(tables.map(({ sql }) => sequentialScans(sql)));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** How often the table of contexts was read from end to end so far. */
export async function sequentialScans(sql: postgres.Sql): Promise<number> {
  // A session hands its counts in when it next has nothing to do, and at most once a second, unless told to.
  await sql`select pg_stat_force_next_flush()`;
  const [{ count }] = await sql<{ count: number }[]>`
    select seq_scan::integer as count
    from pg_stat_user_tables
    where relid = 'copilot_internal.execution_contexts'::regclass
  `;
  return count;
}
