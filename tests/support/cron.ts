/** The faces of pg_cron's two tables, which Postgres 17 from npm does not have. */
import type postgres from "postgres";

/** All of our jobs as they are scheduled, none of which has run. */
export async function addCron(sql: postgres.Sql | postgres.TransactionSql): Promise<void> {
  await sql.unsafe(`
    create schema cron;
    create table cron.job (jobid bigint, jobname name, schedule text, command text, active boolean);
    create table cron.job_run_details (runid bigint primary key, jobid bigint, status text, start_time timestamptz, end_time timestamptz);
    insert into cron.job select row_number() over (), name, schedule, command, true from copilot_internal.jobs()`)
    .simple();
}
