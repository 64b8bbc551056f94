/** The migrations by the real Supabase CLI, on Debian's Postgres with the real pg_cron: pushed, linted, scheduled, run. */
import assert from "node:assert/strict";
import { basename, join } from "node:path";
import postgres from "postgres";
import { type Postgres, startPostgres } from "../../local/postgres.ts";
import { MIGRATIONS } from "../../local/repository.ts";
import { needing, POSTGRES_15 } from "../support/needs.ts";
import { supabase } from "../support/supabase_cli.ts";

/** The migrations that schedule jobs. */
const SCHEDULES = ["20261124000300_execution_context_schedule.sql", "20261126000200_execution_clean_up.sql"];

const { met, test } = await needing("the Supabase CLI", "pg_cron", "plpgsql_check");

let server: Postgres;
Deno.test.beforeAll(async () => {
  if (!met) return;
  server = await startPostgres({
    installation: POSTGRES_15,
    settings: {
      shared_preload_libraries: "pg_cron",
      "cron.database_name": "postgres",
      // pg_cron's own connections would need a password; its background workers need none.
      "cron.use_background_workers": "on",
    },
  });
});
Deno.test.afterAll(async () => {
  if (met) await server.stop();
});

test("the migrations push, lint and advise clean, and the real pg_cron takes the schedule", async (t) => {
  const sql = postgres(server.url, { max: 1, onnotice: () => {} });
  const remote = `--remote=${server.url}`;
  try {
    await t.step("supabase db push, twice", async () => {
      const first = await supabase(["db", "push", remote, "--yes"]);
      assert.equal(first.code, 0, first.output);
      assert.doesNotMatch(first.output, /WARN/);
      const second = await supabase(["db", "push", remote, "--yes"]);
      assert.match(second.output, /up to date/, second.output);
    });
    await t.step("supabase db lint", async () => {
      const { code, output } = await supabase(["db", "lint", remote, "--level", "warning", "--fail-on", "warning"]);
      assert.equal(code, 0, output);
      assert.match(output, /No schema errors found/);
    });
    await t.step("supabase db advisors", async () => {
      const { code, output } = await supabase(["db", "advisors", remote, "--fail-on", "warn"]);
      assert.equal(code, 0, output);
      assert.match(output, /No issues found/);
    });
    await t.step("the jobs are scheduled, once however often the migration is applied", async () => {
      for (const name of SCHEDULES) await sql.unsafe(await Deno.readTextFile(join(MIGRATIONS, name)));
      const jobs = await sql`select jobname, schedule from cron.job order by jobname`;
      assert.deepEqual(jobs.map((job) => [job.jobname, job.schedule]), [
        ["cleanup-execution-contexts", "0 3 * * *"],
        ["cleanup-executions", "30 * * * *"],
        ["expire-execution-contexts", "* * * * *"],
        ["purge-execution-contexts-log", "15 3 * * *"],
        ["retire-lost-executions", "*/5 * * * *"],
        ["sweep-execution-contexts", "* * * * *"],
      ]);
    });
    await t.step("what the jobs say runs", async () => {
      const jobs = await sql`select command from cron.job`;
      assert.equal(jobs.length, 6);
      for (const { command } of jobs) await sql.unsafe(command);
    });
  } finally {
    await sql.end();
  }
});

test("supabase db push to a database that has lived loses no row and frees every path", async (t) => {
  const url = new URL(server.url);
  url.pathname = "/lived";
  const remote = `--remote=${url}`;
  const admin = postgres(server.url, { max: 1, onnotice: () => {} });
  await admin`create database lived`;
  const sql = postgres(url.href, { max: 1, onnotice: () => {} });
  try {
    await t.step("the first migration, years ago", async () => {
      const project = await firstMigrationOnly();
      try {
        const { code, output } = await supabase(["db", "push", remote, "--yes", "--workdir", project]);
        assert.equal(code, 0, output);
      } finally {
        await Deno.remove(project, { recursive: true });
      }
      const versions = await sql`select version from supabase_migrations.schema_migrations`;
      assert.deepEqual(versions.map(({ version }) => version), ["20251210000000"]);
    });
    await t.step("the bug that is to be mended: a path whose context has ended is locked", async () => {
      await sql`
        insert into copilot_internal.execution_contexts
          (tenant_id, conversation_id, path_id, sandbox_id, sandbox_status, created_at, last_used_at, expires_at, terminated_at)
        select 't', 'c', path, 'sandbox ' || path, status, created, used, used + interval '30 minutes', ended
        from (
          values
            ('active', 'ready', now() - interval '1 hour', now(), null),
            ('idle', 'ready', now() - interval '2 hours', now() - interval '1 hour', null),
            ('expired', 'terminated', now() - interval '2 hours', now() - interval '1 hour', now()),
            ('terminated', 'terminated', now() - interval '1 hour', now(), now()),
            ('long ago', 'terminated', now() - interval '9 days', now() - interval '9 days', now() - interval '8 days')
        ) as life (path, status, created, used, ended)`;
      await assert.rejects(
        sql`
          insert into copilot_internal.execution_contexts (tenant_id, conversation_id, path_id, sandbox_id)
          values ('t', 'c', 'expired', 'another')`,
        { code: "23505" },
      );
    });
    await t.step("the rest of the migrations", async () => {
      const { code, output } = await supabase(["db", "push", remote, "--yes"]);
      assert.equal(code, 0, output);
      const again = await supabase(["db", "push", remote, "--yes"]);
      assert.match(again.output, /up to date/, again.output);
    });
    await t.step("no row is lost, and each is in a state that there is now", async () => {
      const rows = await sql`
        select path_id, sandbox_id, sandbox_status, termination_reason, sandbox_killed_at is null as owes_kill
        from copilot_internal.execution_contexts order by path_id`;
      assert.deepEqual(rows.map((row) => Object.values(row)), [
        ["active", "sandbox active", "ready", null, true],
        ["expired", "sandbox expired", "terminated", "expired", true],
        ["idle", "sandbox idle", "ready", null, true],
        // E2B's longest life is a day: what ended before that has no sandbox to kill.
        ["long ago", "sandbox long ago", "terminated", "expired", false],
        ["terminated", "sandbox terminated", "terminated", "terminated", true],
      ]);
    });
    await t.step("every path has a context or gets one, and is told how the last one ended", async () => {
      const claims = await sql`
        select path.id, c.outcome, c.previous_termination_reason
        from (values ('active'), ('expired'), ('idle'), ('long ago'), ('terminated')) as path (id),
          public.claim_execution_context(gen_random_uuid(), 't', 'c', path.id, 60, 1800) c`;
      assert.deepEqual(claims.map((row) => Object.values(row)), [
        ["active", "reused", null],
        ["expired", "claimed", "expired"],
        ["idle", "claimed", "expired"],
        ["long ago", "claimed", "expired"],
        ["terminated", "claimed", "terminated"],
      ]);
      const [{ count }] = await sql`select count(*)::integer from copilot_internal.execution_contexts`;
      assert.equal(count, 9);
    });
  } finally {
    await sql.end();
    await admin`drop database lived`;
    await admin.end();
  }
});

/** A project as it was when it had its first migration only. */
async function firstMigrationOnly(): Promise<string> {
  const project = await Deno.makeTempDir();
  const directory = join(project, "supabase", "migrations");
  await Deno.mkdir(directory, { recursive: true });
  await Deno.writeTextFile(join(project, "supabase", "config.toml"), 'project_id = "lived"\n');
  const first = join(MIGRATIONS, "20251210000000_execution_contexts.sql");
  await Deno.copyFile(first, join(directory, basename(first)));
  return project;
}

test("the real pg_cron expires, retires what is lost and deletes by itself (takes up to a minute and a quarter)", async () => {
  const sql = postgres(server.url, { max: 1, onnotice: () => {} });
  try {
    await sql`
      insert into copilot_internal.execution_contexts (
        tenant_id, conversation_id, path_id, sandbox_status, ttl_seconds, sandbox_id, activated_at, expires_at,
        terminated_at, termination_reason, sandbox_killed_at
      )
      select
        'cron', 'c', path, status, 60, sandbox, case when sandbox is not null then due end, due,
        ended, case when ended is not null then 'expired' end, killed
      from (
        values
          ('idle', 'ready', 'sandbox 1', now(), null, null),
          ('claim', 'creating', null, now(), null, null),
          ('in use', 'ready', 'sandbox 2', now() + interval '1 hour', null, null),
          ('old', 'terminated', 'sandbox 3', now(), now() - interval '8 days', now()),
          ('old, owed', 'terminated', 'sandbox 4', now(), now() - interval '8 days', null),
          ('new', 'terminated', 'sandbox 5', now(), now() - interval '6 days', now())
      ) as life (path, status, sandbox, due, ended, killed)`;
    await sql`
      insert into cron.job_run_details (jobid, runid, job_pid, command, status, end_time)
      values (0, -1, 0, 'select copilot_internal.request_sweep()', 'succeeded', now() - interval '8 days')`;

    // The ledger keeps 400 days, and an answer for as long as its key says.
    await sql`
      insert into copilot_internal.executions (
        id, context_id, tenant_id, conversation_id, path_id, language, status, started_at, deadline_at, finished_at
      )
      select
        gen_random_uuid(), gen_random_uuid(), 'cron', 'c', path, 'python', status, started, due,
        case when status <> 'running' then started end
      from (
        values
          ('died', 'running', now() - interval '2 minutes', now()),
          ('alive', 'running', now() - interval '2 minutes', now() + interval '1 hour'),
          ('old', 'ok', now() - interval '401 days', now() - interval '401 days'),
          ('young', 'ok', now() - interval '399 days', now() - interval '399 days')
      ) as run (path, status, started, due)`;
    await sql`
      insert into copilot_internal.sandbox_lives (context_id, tenant_id, conversation_id, path_id, started_at, ended_at)
      select gen_random_uuid(), 'cron', 'c', path, now() - interval '402 days', now() - make_interval(days => days)
      from (values ('old', 401), ('young', 399)) as life (path, days)`;
    await sql`
      insert into copilot_internal.idempotency_keys
        (tenant_id, idempotency_key, execution_id, request_hash, alive_until, answer, expires_at)
      select 'cron', key, gen_random_uuid(), 'hash', now(), '{}', expires
      from (values ('old', now()), ('young', now() + interval '1 hour')) as kept (key, expires)`;

    // Nobody waits for three o'clock. What runs every minute is left as it is.
    const nightly = await sql`select jobid, schedule from cron.job where schedule <> '* * * * *'`;
    assert.equal(nightly.length, 4);
    const [{ start }] = await sql`select clock_timestamp() as start`;
    for (const { jobid } of nightly) await sql`select cron.alter_job(${jobid}, schedule := '* * * * *')`;
    let runs: Record<string, string[]> = {};
    try {
      const end = Date.now() + 75_000;
      const isDone = () => Object.values(runs).every((all) => all.length > 0 && !all.some(isUnfinished));
      do {
        await new Promise((resolve) => setTimeout(resolve, 500));
        runs = Object.fromEntries(
          (await sql`
            select j.jobname, array_remove(array_agg(r.status order by r.runid), null) as statuses
            from cron.job j left join cron.job_run_details r on r.jobid = j.jobid and r.start_time >= ${start}
            group by j.jobname order by j.jobname`).map(({ jobname, statuses }) => [jobname, statuses]),
        );
      } while (!isDone() && Date.now() < end);
    } finally {
      for (const { jobid, schedule } of nightly) await sql`select cron.alter_job(${jobid}, schedule := ${schedule})`;
    }

    assert.deepEqual(Object.keys(runs), [
      "cleanup-execution-contexts",
      "cleanup-executions",
      "expire-execution-contexts",
      "purge-execution-contexts-log",
      "retire-lost-executions",
      "sweep-execution-contexts",
    ]);
    for (const [job, statuses] of Object.entries(runs)) assert.deepEqual([...new Set(statuses)], ["succeeded"], job);
    const rows = await sql`
      select path_id, sandbox_status, termination_reason
      from copilot_internal.execution_contexts where tenant_id = 'cron' order by path_id`;
    assert.deepEqual(rows.map((row) => Object.values(row)), [
      ["claim", "terminated", "abandoned"],
      ["idle", "terminated", "expired"],
      ["in use", "ready", null],
      ["new", "terminated", "expired"],
      ["old, owed", "terminated", "expired"],
    ]);
    assert.deepEqual([...await sql`select runid from cron.job_run_details where runid < 0`], []);

    const executions = await sql`
      select path_id, status, finished_at is not null as has_ended
      from copilot_internal.executions where tenant_id = 'cron' order by path_id`;
    assert.deepEqual(executions.map((row) => Object.values(row)), [
      ["alive", "running", false],
      ["died", "lost", true],
      ["young", "ok", true],
    ]);
    const lives = await sql`
      select path_id from copilot_internal.sandbox_lives where tenant_id = 'cron' order by path_id`;
    // The idle context's sandbox lived until the deadline that the schedule found passed.
    assert.deepEqual(lives.map((row) => row.path_id), ["idle", "young"]);
    const keys = await sql`select idempotency_key from copilot_internal.idempotency_keys where tenant_id = 'cron'`;
    assert.deepEqual(keys.map((row) => row.idempotency_key), ["young"]);
  } finally {
    await sql.end();
  }
});

/** As pg_cron names the states of a run. */
function isUnfinished(status: string): boolean {
  return ["starting", "connecting", "sending", "running"].includes(status);
}
