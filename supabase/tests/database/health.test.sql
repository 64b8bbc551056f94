-- The figures that tell whether all is well.

begin;
\ir setup.psql
select plan(20);

delete from copilot_internal.execution_contexts;
delete from copilot_internal.executions;
update copilot_internal.sweep_place set swept_at = null;

select results_eq(
  $$
    select is_closed, swept_at, contexts_creating, contexts_awake, contexts_asleep, claims_oldest_at, claims_past_lease,
      claims_past_lease_since, kills_owed, kills_owed_since, executions_running, executions_lost
    from public.copilot_health()
  $$,
  $$
    values (
      false, null::timestamptz, 0, 0, 0, null::timestamptz, 0, null::timestamptz, 0, null::timestamptz, 0, 0
    )
  $$,
  'one row, also of nothing'
);
select ok(public.copilot_note_sweep() >= now(), 'a sweep notes its end');
select ok(swept_at >= now(), 'which is told') from public.copilot_health();

select pg_temp.begin_context(n, 'health', 'c', 'p' || n, 'sandbox ' || n) from generate_series(1, 5) n \g /dev/null
select pg_temp.begin_context(n, 'health', 'c', 'p' || n, null) from generate_series(6, 7) n \g /dev/null
select public.copilot_terminate_contexts('health', 'c', path) from unnest(array['p1', 'p2', 'p3']) path \g /dev/null
select public.copilot_confirm_sandbox_killed(pg_temp.id(3), 'sandbox 3') \g /dev/null
update copilot_internal.execution_contexts set terminated_at = now() - interval '9 minutes' where id in (pg_temp.id(1), pg_temp.id(3));
update copilot_internal.execution_contexts set created_at = now() - interval '8 minutes', expires_at = now() - interval '7 minutes' where id = pg_temp.id(6);
select results_eq(
  'select contexts_creating, contexts_awake, contexts_asleep from public.copilot_health()', 'values (2, 2, 0)',
  'active contexts by state'
);
select results_eq(
  'select claims_oldest_at, claims_past_lease, claims_past_lease_since from public.copilot_health()',
  $$ values (now() - interval '8 minutes', 1, now() - interval '7 minutes') $$,
  'claims that wait, and those that should have been retired'
);
select results_eq(
  'select kills_owed, kills_owed_since from public.copilot_health()', $$ values (2, now() - interval '9 minutes') $$,
  'kills that are owed, and since when'
);

insert into copilot_internal.executions (
  id, context_id, tenant_id, conversation_id, path_id, language, status, started_at, deadline_at, finished_at
)
select
  pg_temp.id(n), pg_temp.id(4), 'health', 'c', 'p4', 'python', status, now() - interval '3 hours', deadline, finished
from (
  values
    (1, 'running', now() + interval '1 minute', null), (2, 'running', now() - interval '1 minute', null),
    (3, 'lost', now(), now() - interval '59 minutes'), (4, 'lost', now(), now() - interval '61 minutes'),
    (5, 'ok', now(), now())
) as run (n, status, deadline, finished);
select results_eq(
  'select executions_running, executions_lost from public.copilot_health()', 'values (1, 1)',
  'executions that run, and those that were lost within the hour'
);
select public.copilot_close(true) \g /dev/null
select ok(is_closed, 'whether it is closed') from public.copilot_health();

select is(copilot_internal.job_period(schedule), period, 'the period of ' || schedule)
from (
  values
    ('* * * * *', interval '1 minute'), ('*/5 * * * *', interval '5 minutes'), ('30 * * * *', interval '1 hour'),
    ('0 3 * * *', interval '1 day')
) as job (schedule, period);

-- The jobs, as the real pg_cron has them; what they have logged is made up.
create function pg_temp.jobs()
returns setof text
language plpgsql
as $$
declare
  v_failed text[];
  v_overdue text[];
begin
  if to_regclass('cron.job') is null then
    return next results_eq(
      'select jobs_failed, jobs_overdue from public.copilot_health()', 'values (null::text[], null::text[])',
      'without pg_cron nothing is known of jobs'
    );
    return query select skip('pg_cron is not there', 7);
    return;
  end if;
  delete from cron.job_run_details;
  return next results_eq(
    'select jobs_failed, jobs_overdue from public.copilot_health()', $q$ values ('{}'::text[], '{}'::text[]) $q$,
    'jobs that never ran are no failure'
  );
  insert into cron.job_run_details (jobid, runid, job_pid, username, command, status, start_time, end_time)
  select j.jobid, run.n, 0, current_user, j.command, run.status, run.start_time, run.end_time
  from (
    values
      (1, 'copilot-sweep', 'failed', now() - interval '2 minutes', now()),
      (2, 'copilot-sweep', 'succeeded', now() - interval '1 minute', now()),
      (3, 'copilot-forget-rates', 'succeeded', now() - interval '2 hours', now()),
      (4, 'copilot-forget-rates', 'failed', now() - interval '1 hour', now()),
      (5, 'copilot-clean-up-contexts', 'failed', now() - interval '20 hours', now()),
      (6, 'copilot-clean-up-contexts', 'running', now(), null),
      (7, 'copilot-expire-contexts', 'succeeded', now() - interval '7 minutes', now()),
      (8, 'copilot-retire-lost-executions', 'succeeded', now() - interval '9 minutes', now()),
      (9, 'copilot-clean-up-executions', 'failed', null, now() - interval '70 minutes')
  ) as run (n, job, status, start_time, end_time)
  join cron.job j on j.jobname = run.job;
  insert into cron.job_run_details (jobid, runid, job_pid, username, command, status, end_time)
  values (0, 10, 0, current_user, 'select theirs()', 'failed', now());
  return next is(
    jobs_failed, array['copilot-clean-up-contexts', 'copilot-clean-up-executions', 'copilot-forget-rates'],
    'a job has failed whose latest run that is over did'
  ) from public.copilot_health();
  return next is(
    jobs_overdue, array['copilot-clean-up-executions', 'copilot-expire-contexts'],
    'one is overdue that has not run for five minutes more than it should'
  ) from public.copilot_health();
  perform cron.alter_job(jobid, active := false) from cron.job where jobname = 'copilot-sweep';
  return next ok('copilot-sweep' = any (jobs_overdue), 'or that is switched off') from public.copilot_health();
  -- What is 20,000 runs back is not looked for.
  insert into cron.job_run_details (jobid, runid, job_pid, username, command, status, end_time)
  values (0, 20010, 0, current_user, 'select theirs()', 'failed', now());
  return next is(jobs_failed, '{}', 'others may log as much as they like') from public.copilot_health();
  set local role service_role;
  return next lives_ok('select from public.copilot_health()', 'a service may ask, who may not read pg_cron''s tables');
  return next throws_ok('select from cron.job_run_details', '42501', null, 'as here');
  reset role;
  create role copilot_without_cron;
  grant usage on schema copilot_internal to copilot_without_cron;
  grant execute on function copilot_internal.job_states(), copilot_internal.job_period(text) to copilot_without_cron;
  set local role copilot_without_cron;
  select s.failed, s.overdue into v_failed, v_overdue from copilot_internal.job_states() s;
  reset role;
  return next ok(
    v_failed is null and v_overdue is null, 'where pg_cron does not tell its owner, nothing is known, and nothing fails'
  );
end
$$;
select * from pg_temp.jobs();

select * from finish();
rollback;
