/** The migrations by the real Supabase CLI, on Debian's Postgres with the real pg_cron: pushed, linted, scheduled. */
import assert from "node:assert/strict";
import postgres from "postgres";
import { type Postgres, startPostgres } from "../../local/postgres.ts";
import { missingCli, supabase } from "../support/supabase_cli.ts";

const INSTALLATION = "/usr/lib/postgresql/15";
const EXTENSIONS = "/usr/share/postgresql/15/extension";

const missing = await missingCli() ?? await missingExtension("pg_cron") ?? await missingExtension("plpgsql_check");
const skipped = missing ? ` (skipped: ${missing})` : "";

async function missingExtension(name: string): Promise<string | null> {
  try {
    await Deno.stat(`${EXTENSIONS}/${name}.control`);
    return null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return `Debian's postgresql-15 with ${name} is not installed`;
    throw error;
  }
}

let server: Postgres;
Deno.test.beforeAll(async () => {
  if (missing) return;
  server = await startPostgres({
    installation: INSTALLATION,
    settings: {
      shared_preload_libraries: "pg_cron",
      "cron.database_name": "postgres",
      // pg_cron's own connections would need a password; its background workers need none.
      "cron.use_background_workers": "on",
    },
  });
});
Deno.test.afterAll(async () => {
  if (!missing) await server.stop();
});

Deno.test({
  name: `the migrations push, lint and advise clean, and the real pg_cron takes the schedule${skipped}`,
  ignore: missing !== null,
  fn: async (t) => {
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
        const file = new URL(
          "../../supabase/migrations/20261124000300_execution_context_schedule.sql",
          import.meta.url,
        );
        await sql.unsafe(await Deno.readTextFile(file));
        const jobs = await sql`select jobname, schedule from cron.job order by jobname`;
        assert.deepEqual(jobs.map((job) => [job.jobname, job.schedule]), [
          ["cleanup-execution-contexts", "0 3 * * *"],
          ["expire-execution-contexts", "* * * * *"],
          ["sweep-execution-contexts", "* * * * *"],
        ]);
      });
      await t.step("what the jobs say runs", async () => {
        for (const { command } of await sql`select command from cron.job`) await sql.unsafe(command);
      });
    } finally {
      await sql.end();
    }
  },
});
