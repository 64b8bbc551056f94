/** What the migrations schedule, run by the real pg_cron. */
import assert from "node:assert/strict";
import postgres from "postgres";
import { migrate } from "../../local/migrate.ts";
import { needing } from "../support/needs.ts";
import { usePostgres15 } from "./postgres_15.ts";

const { met, test } = await needing("pg_cron");
const server = usePostgres15(met);

test("the real pg_cron expires, retires what is lost and deletes by itself (takes up to a minute and a quarter)", async () => {
  await migrate(server.url);
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
        (tenant_id, idempotency_key, conversation_id, path_id, execution_id, request_hash, alive_until, answer, expires_at)
      select 'cron', key, 'c', 'p', gen_random_uuid(), 'hash', now(), '{}', expires
      from (values ('old', now()), ('young', now() + interval '1 hour')) as kept (key, expires)`;

    // Nobody waits for three o'clock. What runs every minute is left as it is.
    const nightly = await sql`select jobid, schedule from cron.job where schedule <> '* * * * *'`;
    assert.equal(nightly.length, 5);
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
      "copilot-clean-up-contexts",
      "copilot-clean-up-executions",
      "copilot-delete-failed-claims",
      "copilot-expire-contexts",
      "copilot-forget-rates",
      "copilot-purge-job-log",
      "copilot-retire-lost-executions",
      "copilot-sweep",
    ]);
    for (const [job, statuses] of Object.entries(runs)) assert.deepEqual([...new Set(statuses)], ["succeeded"], job);
    const [{ jobs_failed, jobs_overdue }] = await sql`select jobs_failed, jobs_overdue from public.copilot_health()`;
    assert.deepEqual([jobs_failed, jobs_overdue], [[], []], "and so the health says");
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
