/**
 * The database's own tests, by pg_prove: `supabase test db` runs the same files, but needs Docker. On Debian's Postgres
 * 15, and on the 17 that the local stack starts, which is what Supabase runs.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import postgres from "postgres";
import { migrate } from "../../local/migrate.ts";
import { type Postgres, type PostgresOptions, startPostgres } from "../../local/postgres/postgres.ts";
import { EXTENSIONS, needing, POSTGRES_15 } from "../support/needs.ts";

const { test } = await needing("pgtap", "pg_prove");
const cron = await needing("pg_cron");

async function prove({ url }: Postgres): Promise<void> {
  const { hostname, port, username, password, pathname } = new URL(url);
  const { code, stdout, stderr } = await new Deno.Command("pg_prove", {
    args: ["--ext", ".sql", "--recurse", "supabase/tests/database"],
    cwd: new URL("../..", import.meta.url),
    // Not as arguments: everybody on the machine can read those.
    env: {
      PGHOST: hostname,
      PGPORT: port,
      PGUSER: username,
      PGPASSWORD: password,
      PGDATABASE: pathname.slice(1),
      PGSSLMODE: "disable",
      // Each file makes sure of pgTAP, and is told that it is there.
      PGOPTIONS: "-c client_min_messages=warning",
    },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  const output = text.decode(stdout) + text.decode(stderr);
  assert.equal(code, 0, output);
  assert.match(output, /Result: PASS/);
}

/** A migrated database with pgTAP in it, where `supabase test db` would put it. */
async function onServer(
  options: PostgresOptions,
  prepare: (sql: postgres.Sql) => Promise<void>,
  test: (server: Postgres) => Promise<void>,
): Promise<void> {
  const server = await startPostgres(options);
  try {
    await migrate(server.url);
    const sql = postgres(server.url, { max: 1 });
    try {
      await prepare(sql);
      // Once, as it takes longer than the tests.
      await sql`create extension pgtap with schema extensions`;
    } finally {
      await sql.end();
    }
    await test(server);
  } finally {
    await server.stop();
  }
}

test("the database's own tests pass on Postgres 15", async () => {
  const settings = cron.met ? { shared_preload_libraries: "pg_cron", "cron.database_name": "postgres" } : undefined;
  await onServer({ installation: POSTGRES_15, settings }, async () => {}, prove);
});

test("the database's own tests pass on Postgres 17", async () => {
  await onServer({}, async (sql) => {
    // pgTAP is plain SQL, so another version's will do. This server's installation is a copy of its own.
    const [{ setting: directory }] = await sql`select setting from pg_config where name = 'SHAREDIR'`;
    for await (const { name } of Deno.readDir(EXTENSIONS)) {
      if (!/^pgtap(\.control|--[\d.]+\.sql)$/.test(name)) continue;
      await Deno.copyFile(join(EXTENSIONS, name), join(directory, "extension", name));
    }
  }, prove);
});
