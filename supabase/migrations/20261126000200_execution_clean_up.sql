-- What the schedule does for the ledger: tell what was lost, delete what is old.

create or replace function copilot_internal.retire_lost_executions()
returns table (retired_count integer)
language plpgsql
set search_path = ''
as $$
begin
  update copilot_internal.executions e
  set status = 'lost', finished_at = clock_timestamp()
  where e.status = 'running' and e.deadline_at <= clock_timestamp();
  get diagnostics retired_count = row_count;
  return next;
end
$$;
comment on function copilot_internal.retire_lost_executions() is
  'Marks executions whose process has died before it noted their end as lost. Says how many.';
revoke execute on function copilot_internal.retire_lost_executions() from public, anon, authenticated;

create or replace function copilot_internal.cleanup_executions(
  p_limit integer default 1000,
  p_budget interval default interval '60 seconds'
)
returns table (deleted_count integer)
language plpgsql
set search_path = ''
as $$
declare
  v_ledger_days integer := (select s.ledger_days from copilot_internal.settings s);
  -- Read once: a clock that is read anew for each row can be looked up in no index.
  v_now timestamptz := clock_timestamp();
  v_before timestamptz := v_now - make_interval(days => v_ledger_days);
  v_end timestamptz := v_now + p_budget;
  v_batch integer;
begin
  deleted_count := 0;
  loop
    with keys as (
      delete from copilot_internal.idempotency_keys k
      where k.ctid = any (array(
        select o.ctid from copilot_internal.idempotency_keys o
        where o.expires_at <= v_now
        limit p_limit
        for update skip locked
      ))
      returning 1
    ),
    runs as (
      delete from copilot_internal.executions e
      where e.ctid = any (array(
        select o.ctid from copilot_internal.executions o
        where o.started_at < v_before
        limit p_limit
        for update skip locked
      ))
      returning 1
    ),
    lives as (
      delete from copilot_internal.sandbox_lives l
      where l.ctid = any (array(
        select o.ctid from copilot_internal.sandbox_lives o
        where o.ended_at < v_before
        limit p_limit
        for update skip locked
      ))
      returning 1
    )
    select (select count(*) from keys) + (select count(*) from runs) + (select count(*) from lives) into v_batch;
    deleted_count := deleted_count + v_batch;
    exit when v_batch = 0 or clock_timestamp() >= v_end;
  end loop;
  return next;
end
$$;
comment on function copilot_internal.cleanup_executions(integer, interval) is
  'Deletes the ledger''s rows that are older than settings.ledger_days, and kept answers that are past their time, in batches of p_limit a table, until none is left or p_budget is spent. Says how many.';
revoke execute on function copilot_internal.cleanup_executions(integer, interval) from public, anon, authenticated;

do $$
begin
  -- Where it is missing, the migration before that schedules the clean-up of contexts has said so.
  if to_regnamespace('cron') is null then
    return;
  end if;
  perform cron.schedule(
    'retire-lost-executions', '*/5 * * * *',
    'select copilot_internal.retire_lost_executions()'
  );
  perform cron.schedule(
    'cleanup-executions', '30 * * * *',
    'select copilot_internal.cleanup_executions()'
  );
end
$$;
