/** The migrations on a plain Postgres: they apply twice, and upgrade a database that has lived. */
import assert from "node:assert/strict";
import postgres from "postgres";
import { startPostgres } from "../../local/postgres/postgres.ts";

let server: Awaited<ReturnType<typeof startPostgres>>;
Deno.test.beforeAll(async () => {
  server = await startPostgres();
});
Deno.test.afterAll(() => server.stop());

const directory = new URL("../../supabase/migrations/", import.meta.url);
const files = [...Deno.readDirSync(directory)].map((entry) => entry.name).sort();

/** A database of its own, without Supabase's roles' grants or extensions. */
async function database(test: (sql: postgres.Sql, warnings: string[]) => Promise<void>): Promise<void> {
  const name = `m_${crypto.randomUUID().replaceAll("-", "")}`;
  const admin = postgres(server.url, { max: 1 });
  await admin.unsafe(`create database ${name}`);
  const warnings: string[] = [];
  const sql = postgres(server.url, {
    max: 1,
    database: name,
    onnotice: (notice) => {
      if (notice.severity === "WARNING") warnings.push(notice.message);
    },
  });
  try {
    await test(sql, warnings);
  } finally {
    await sql.end();
    await admin.unsafe(`drop database ${name}`);
    await admin.end();
  }
}

async function apply(sql: postgres.Sql, names: string[]): Promise<void> {
  for (const name of names) {
    const text = await Deno.readTextFile(new URL(name, directory));
    await sql.begin((transaction) => transaction.unsafe(text).simple());
  }
}

Deno.test("each applies twice without harm, and says that pg_cron is missing", async () => {
  await database(async (sql, warnings) => {
    for (const name of files) await apply(sql, [name, name]);
    await apply(sql, files);
    assert.equal(warnings.length, 3);
    assert.match(warnings[0], /pg_cron is not available/);
  });
});

for (const [lived, under] of [[1, "the first migration"], [2, "the first two"]] as const) {
  Deno.test(`a database that has lived under ${under} is upgraded without losing a row`, async () => {
    await database(async (sql) => {
      await apply(sql, files.slice(0, lived));
      await sql`
      insert into copilot_internal.execution_contexts
        (tenant_id, conversation_id, path_id, sandbox_id, sandbox_status, created_at, last_used_at, expires_at, terminated_at)
      values
        ('t', 'c', 'active', 's1', 'ready', now(), now(), now() + interval '1 hour', null),
        ('t', 'c', 'half made', 's2', 'creating', now(), now(), now() + interval '1 hour', null),
        ('t', 'c', 'idle', 's3', 'ready', now() - interval '1 day', now() - interval '1 day', now() - interval '1 hour', null),
        ('t', 'c', 'locked', 's4', 'terminated', now() - interval '1 day', now(), now() - interval '1 hour', now()),
        ('t', 'c', 'broken', 's5', 'error', now(), now(), now() + interval '1 hour', null)`;
      await apply(sql, files.slice(lived));

      const rows = await sql`
      select path_id, sandbox_status, termination_reason from copilot_internal.execution_contexts order by sandbox_id`;
      assert.deepEqual(rows.map((row) => [row.path_id, row.sandbox_status, row.termination_reason]), [
        ["active", "ready", null],
        ["half made", "ready", null],
        ["idle", "ready", null],
        ["locked", "terminated", "expired"],
        ["broken", "terminated", "terminated"],
      ]);
      const outcomes = [];
      for (const path of ["active", "idle", "locked", "broken"]) {
        const [row] = await sql`
        select outcome, previous_termination_reason
        from public.copilot_claim_context(gen_random_uuid(), 't', 'c', ${path}, 60, 1800)`;
        outcomes.push([path, row.outcome, row.previous_termination_reason]);
      }
      assert.deepEqual(outcomes, [
        ["active", "reused", null],
        ["idle", "claimed", "expired"],
        ["locked", "claimed", "expired"],
        ["broken", "claimed", "terminated"],
      ]);

      // Contexts from before there was a ledger count for it from then on.
      const lives = await sql`
      select path_id, ended_at - started_at = interval '23 hours' as until_deadline
      from copilot_internal.sandbox_lives`;
      assert.deepEqual(lives.map((row) => Object.values(row)), [["idle", true]]);
      const usage = await sql`
      select tenant_id, round(sum(sandbox_seconds) / 3600)::integer as hours
      from public.copilot_execution_usage((now() - interval '2 days')::date, (now() + interval '1 day')::date)
      group by tenant_id`;
      assert.deepEqual(usage.map((row) => Object.values(row)), [["t", 23]]);
    });
  });
}

/** As Supabase's `safeupdate` has it for all that comes through PostgREST, whoever's function it is in. */
Deno.test("no function updates or deletes without a condition", async () => {
  await database(async (sql) => {
    await apply(sql, files);
    const functions = await sql<{ name: string; body: string }[]>`
      select p.proname::text as name, p.prosrc as body
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      where n.nspname in ('public', 'copilot_internal')`;
    let statements = 0;
    for (const { name, body } of functions) {
      const text = body.replaceAll(/--[^\n]*/g, "");
      for (const { index } of text.matchAll(/\b(update|delete\s+from)\s+copilot_internal\./gi)) {
        statements++;
        assert.match(statementFrom(text, index), /\bwhere\b/i, name);
      }
    }
    assert(statements > 20, `${statements} statements were found`);
  });
});

/** The statement that begins there, without what is in parentheses. */
function statementFrom(text: string, start: number): string {
  let depth = 0;
  let statement = "";
  for (const character of text.slice(start)) {
    if (character === "(") depth++;
    if (character === ")") depth--;
    if (depth < 0 || (depth === 0 && character === ";")) break;
    if (depth === 0) statement += character;
  }
  return statement;
}

Deno.test("only service_role can execute anything, under no name of an application's, and nobody reaches the tables", async () => {
  await database(async (sql) => {
    await apply(sql, files);
    const functions = await sql`
      select p.oid::regprocedure::text as name, n.nspname as schema,
        array(
          select rolname::text from pg_roles
          where rolname in ('anon', 'authenticated', 'service_role') and has_function_privilege(oid, p.oid, 'execute')
        ) as roles,
        p.prosecdef as definer, p.proconfig as settings, obj_description(p.oid) as comment
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      where n.nspname in ('public', 'copilot_internal')`;
    assert(functions.length >= 27);
    for (const { name, schema, roles, definer, settings, comment } of functions) {
      // They stand behind the views: the schema is closed to whoever may execute them.
      const behindViews: Record<string, string[]> = {
        "copilot_internal.visible_contexts()": ["authenticated", "service_role"],
        "copilot_internal.overview()": ["service_role"],
      };
      const expected = schema === "public" ? ["service_role"] : behindViews[name] ?? [];
      assert.deepEqual(roles.toSorted(), expected, name);
      assert.equal(definer, schema === "public" || name in behindViews, name);
      assert(schema !== "public" || name.startsWith("copilot_"), name);
      assert(settings?.includes('search_path=""'), name);
      assert(comment, `${name} has no comment`);
    }
    const tables = await sql`
      select c.relname::text as name, c.relrowsecurity as has_rls,
        array(
          select rolname::text from pg_roles
          where rolname in ('anon', 'authenticated', 'service_role')
            and has_table_privilege(oid, c.oid, 'select, insert, update, delete, truncate, references, trigger')
        ) as roles
      from pg_class c
      where c.relnamespace = 'copilot_internal'::regnamespace and c.relkind = 'r' order by c.relname`;
    assert.deepEqual(
      tables.map(({ name, has_rls, roles }) => [name, has_rls, roles]),
      [
        "conversations",
        "execution_contexts",
        "executions",
        "idempotency_keys",
        "open_executions",
        "rates",
        "sandbox_lives",
        "settings",
        "source_holds",
        "sweep_place",
        "tenants",
      ]
        .map((name) => [name, true, []]),
    );
  });
});
