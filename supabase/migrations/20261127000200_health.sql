-- Whether all is as it should be, in figures that cost a few index probes, however long the history is. What they mean is
-- judged by whoever asks: the functions have the thresholds.

create or replace function copilot_internal.job_period(p_schedule text)
returns interval
language sql
immutable
set search_path = ''
as $$
  select case
    when p_schedule like '* %' then interval '1 minute'
    when p_schedule ~ '^\*/\d+ ' then make_interval(mins => substring(p_schedule from '^\*/(\d+)')::integer)
    when p_schedule like '% * * * *' then interval '1 hour'
    else interval '1 day'
  end
$$;
comment on function copilot_internal.job_period(text) is
  'How often a job runs, as far as the schedules go that are used here: every minute, every few, hourly, else daily.';
revoke execute on function copilot_internal.job_period(text) from public, anon, authenticated;

create or replace function copilot_internal.job_states(
  out failed text[],
  out overdue text[]
)
language plpgsql
stable
set search_path = ''
as $$
begin
  -- By name at run time, as pg_cron need not be there. On Supabase these functions' owner, postgres, may read both tables,
  -- as far as its own jobs go, which these are.
  if to_regclass('cron.job') is null or to_regclass('cron.job_run_details') is null then
    return;
  end if;
  execute $query$
    select
      coalesce(array_agg(j.name order by j.name) filter (where done.status = 'failed'), '{}'),
      coalesce(
        array_agg(j.name order by j.name) filter (
          -- Missing, or switched off.
          where j.active is not true
            or coalesce(latest.start_time, latest.end_time) < statement_timestamp() - j.period - interval '5 minutes'
        ),
        '{}'
      )
    from (
      select o.jobid, w.name, o.active, copilot_internal.job_period(coalesce(o.schedule, w.schedule)) as period
      from copilot_internal.jobs() w
      left join cron.job o on o.jobname = w.name
    ) j
    -- Its only index is that of runid, so it is read from the end on, and not beyond what ours log within four days: others'
    -- jobs log, too, and for ever.
    cross join (select coalesce(max(r.runid), 0) - 20000 as runid from cron.job_run_details r) floor
    left join lateral (
      select r.start_time, r.end_time from cron.job_run_details r
      where r.runid > floor.runid and r.jobid = j.jobid
      order by r.runid desc limit 1
    ) latest on true
    left join lateral (
      select r.status from cron.job_run_details r
      where r.runid > floor.runid and r.jobid = j.jobid and r.status in ('succeeded', 'failed')
      order by r.runid desc limit 1
    ) done on true
  $query$ into failed, overdue;
exception
  -- An installation that keeps its jobs from us.
  when insufficient_privilege then
    failed := null;
    overdue := null;
end
$$;
comment on function copilot_internal.job_states() is
  'failed: the jobs whose latest run failed. overdue: those that are missing or switched off, or have not run for five minutes more than they should; one that never ran is none, as nobody knows since when it is there. Both null where there is no pg_cron, or it does not tell.';
revoke execute on function copilot_internal.job_states() from public, anon, authenticated;

create or replace function public.copilot_health()
returns table (
  checked_at timestamptz,
  is_closed boolean,
  swept_at timestamptz,
  contexts_creating integer,
  contexts_awake integer,
  contexts_asleep integer,
  claims_oldest_at timestamptz,
  claims_past_lease integer,
  claims_past_lease_since timestamptz,
  kills_owed integer,
  kills_owed_since timestamptz,
  may_live_until timestamptz,
  executions_running integer,
  executions_lost integer,
  jobs_failed text[],
  jobs_overdue text[]
)
language sql
stable
security definer
set search_path = ''
as $$
  select
    statement_timestamp(), s.is_closed, p.swept_at, active.creating, active.awake, active.asleep,
    active.oldest_claim_at,
    active.past_lease, active.past_lease_since, owed.count, owed.since, owed.until, runs.running, runs.lost, jobs.failed, jobs.overdue
  from copilot_internal.settings s
  cross join copilot_internal.sweep_place p
  cross join (
    select
      (count(*) filter (where c.sandbox_status = 'creating'))::integer as creating,
      (count(*) filter (where c.sandbox_status = 'ready' and c.expires_at > statement_timestamp()))::integer as awake,
      (count(*) filter (where c.sandbox_status = 'ready' and c.expires_at <= statement_timestamp()))::integer as asleep,
      min(c.created_at) filter (where c.sandbox_status = 'creating') as oldest_claim_at,
      (count(*) filter (where c.sandbox_status = 'creating' and c.expires_at <= statement_timestamp()))::integer
        as past_lease,
      min(c.expires_at) filter (where c.sandbox_status = 'creating' and c.expires_at <= statement_timestamp())
        as past_lease_since
    from copilot_internal.execution_contexts c
    where c.terminated_at is null
  ) active
  cross join (
    select
      (count(*) filter (where c.sandbox_id is not null))::integer as count,
      min(c.terminated_at) filter (where c.sandbox_id is not null) as since,
      -- Of a claim that was ended while E2B made its sandbox nobody knows the name of that yet.
      max(c.may_live_until) filter (where not copilot_internal.has_left_nothing(c)) as until
    from copilot_internal.execution_contexts c
    where c.terminated_at is not null and c.sandbox_killed_at is null
  ) owed
  cross join (
    select
      (
        select count(*)::integer from copilot_internal.executions e
        where e.status = 'running' and e.deadline_at > statement_timestamp()
      ) as running,
      (
        select count(*)::integer from copilot_internal.executions e
        where e.status = 'lost' and e.finished_at > statement_timestamp() - interval '1 hour'
      ) as lost
  ) runs
  cross join copilot_internal.job_states() jobs
$$;
comment on function public.copilot_health() is
  'One row of what tells whether all is well. swept_at: when a sweep last came to its end. claims_past_lease: claims that should have been retired, and since when. kills_owed: sandboxes of ended contexts that are not known to be gone, and since when. may_live_until: when the last of what ended is paused or gone by itself, those included that E2B may still be making; past that, it may be paused, until a sweep has been; null once all are known to be gone. executions_lost: within the last hour. jobs_failed, jobs_overdue: as copilot_internal.job_states has them, null where that is not known.';
revoke execute on function public.copilot_health() from public, anon, authenticated;
grant execute on function public.copilot_health() to service_role;
