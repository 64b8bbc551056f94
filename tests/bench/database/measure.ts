/** One Postgres, two databases with the same active paths, and everything that is measured on them. */
import { migrate } from "../../../local/migrate.ts";
import { startPostgres } from "../../../local/postgres/postgres.ts";
import { DURABLE } from "../durable.ts";
import type { Figures } from "./aims.ts";
import { measureDeletion, measureExpiry } from "./deletion.ts";
import { measureLatency } from "./latency.ts";
import { connect, withConnection } from "./load.ts";
import { measureLook } from "./look.ts";
import { fill } from "./rows.ts";
import { measureHistory, measureTouch } from "./touch.ts";

export interface DatabaseOptions {
  /** How many ended contexts the large table holds. Half of them are deleted to measure speed, half for latency. */
  readonly rows: number;
  readonly onProgress?: (message: string) => void;
}

/** The small table's ended contexts. */
const FEW_ROWS = 10_000;
/** Those of the table that is only looked at. */
const LOOKED_AT_ROWS = 100_000;

/** Measures on a Postgres of its own and removes it. */
export async function measureDatabase({ rows, onProgress }: DatabaseOptions): Promise<Figures> {
  const server = await startPostgres({ settings: DURABLE, onProgress });
  try {
    const largeUrl = new URL(server.url);
    largeUrl.pathname = "large";
    const lookedAtUrl = new URL(server.url);
    lookedAtUrl.pathname = "looked_at";
    await withConnection(server.url, async (sql) => {
      await sql`create database large`;
      await sql`create database looked_at`;
    });
    const databases = [[server.url, FEW_ROWS], [lookedAtUrl.href, LOOKED_AT_ROWS], [largeUrl.href, rows]] as const;
    for (const [url, count] of databases) {
      onProgress?.(`Filling a table with ${count} ended contexts`);
      await migrate(url);
      await withConnection(url, (sql) => fill(sql, count));
    }
    await using small = await connect(server.url);
    await using large = await connect(largeUrl.href);
    await using lookedAt = await connect(lookedAtUrl.href);
    onProgress?.("Looking");
    const look = await measureLook(lookedAt);
    onProgress?.("Touching");
    const touch = await measureTouch(small);
    onProgress?.("Touching beside a long history");
    const history = await measureHistory(small, large);
    onProgress?.("Expiring");
    const expiry = await measureExpiry(large);
    onProgress?.("Deleting");
    const deletion = await measureDeletion(large);
    onProgress?.("Acquiring while the clean-up works");
    const latency = await measureLatency(large);
    return { rows, ...touch, ...history, ...expiry, ...deletion, ...latency, ...look };
  } finally {
    await server.stop();
  }
}
