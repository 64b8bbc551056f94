/** Tables of all sizes on one Postgres, a database each. */
import postgres from "postgres";
import { migrate } from "../../../local/migrate.ts";
import { type Postgres } from "../../../local/postgres/postgres.ts";
import { insertEnded, rest } from "./rows.ts";

/** A table with so many contexts, and a session on it. */
export interface Table {
  readonly active: number;
  readonly ended: number;
  readonly sql: postgres.Sql;
}

export interface Tables extends AsyncDisposable {
  readonly all: readonly Table[];
}

/**
 * Makes one for each pair of sizes. Those with the same history are copies: so it is made once.
 * @param fillActive makes the active contexts of a table
 */
export async function makeTables(
  server: Postgres,
  sizes: { readonly active: readonly number[]; readonly ended: readonly number[] },
  fillActive: (sql: postgres.Sql, count: number) => Promise<void>,
  onProgress: (message: string) => void,
): Promise<Tables> {
  await using parts = new AsyncDisposableStack();
  const all: Table[] = [];
  for (const ended of sizes.ended) {
    onProgress(`Filling tables with ${ended} ended contexts`);
    const history = `history_${ended}`;
    await once(server.url, (sql) => sql`create database ${sql(history)}`);
    await migrate(urlOf(server, history));
    await once(urlOf(server, history), (sql) => insertEnded(sql, ended));
    for (const active of sizes.active) {
      const name = `${history}_active_${active}`;
      // By files: by the log, as is the default, a copy of gigabytes takes twice its room.
      await once(server.url, (sql) => sql`create database ${sql(name)} template ${sql(history)} strategy file_copy`);
      const sql = parts.adopt(open(urlOf(server, name)), (session) => session.end({ timeout: 5 }));
      await fillActive(sql, active);
      await rest(sql);
      all.push({ active, ended, sql });
    }
    await once(server.url, (sql) => sql`drop database ${sql(history)}`);
  }
  // From here on they are the caller's to dispose of.
  const kept = parts.move();
  return { all, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

async function once(url: string, work: (sql: postgres.Sql) => Promise<unknown>): Promise<void> {
  const sql = open(url);
  try {
    await work(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

function open(url: string): postgres.Sql {
  return postgres(url, { max: 1, fetch_types: false, onnotice: () => {} });
}

function urlOf(server: Postgres, database: string): string {
  return Object.assign(new URL(server.url), { pathname: `/${database}` }).href;
}
