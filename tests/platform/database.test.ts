/** The migrations by the real Supabase CLI, on Debian's Postgres with the real pg_cron: pushed, linted, scheduled. */
import assert from "node:assert/strict";
import { basename, join } from "node:path";
import postgres from "postgres";
import { MIGRATIONS } from "../../local/repository.ts";
import { codeUnder } from "../operating/document.ts";
import { needing } from "../support/needs.ts";
import { supabase } from "../support/supabase_cli.ts";
import { usePostgres15 } from "./postgres_15.ts";

/** What schedules jobs. */
const SCHEDULE = "20261124001100_schedule.sql";

const { met, test } = await needing("the Supabase CLI", "pg_cron", "plpgsql_check");

const server = usePostgres15(met);

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
      await sql.unsafe(await Deno.readTextFile(join(MIGRATIONS, SCHEDULE)));
      const jobs = await sql`select jobname, schedule from cron.job order by jobname`;
      assert.deepEqual(jobs.map((job) => [job.jobname, job.schedule]), [
        ["copilot-clean-up-contexts", "0 3 * * *"],
        ["copilot-clean-up-executions", "30 * * * *"],
        ["copilot-delete-failed-claims", "* * * * *"],
        ["copilot-expire-contexts", "* * * * *"],
        ["copilot-forget-rates", "45 * * * *"],
        ["copilot-purge-job-log", "15 3 * * *"],
        ["copilot-retire-lost-executions", "*/5 * * * *"],
        ["copilot-sweep", "* * * * *"],
      ]);
    });
    await t.step("jobs that are missing or switched off are told of, and scheduled anew", async () => {
      await sql`select cron.unschedule('copilot-sweep'), cron.alter_job(jobid, active := false)
        from cron.job where jobname = 'copilot-forget-rates'`;
      const overdue = async () => {
        const [{ jobs_overdue }] = await sql`select jobs_overdue from public.copilot_health()`;
        return jobs_overdue;
      };
      assert.deepEqual(await overdue(), ["copilot-forget-rates", "copilot-sweep"]);
      const [recipe] = await codeUnder("Schedule the jobs anew", "sql");
      await sql.unsafe(recipe);
      assert.deepEqual(await overdue(), []);
    });
    await t.step("what the jobs say runs", async () => {
      const jobs = await sql`select command from cron.job`;
      assert.equal(jobs.length, 8);
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
          public.copilot_claim_context(gen_random_uuid(), 't', 'c', path.id, 60, 1800) c`;
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
