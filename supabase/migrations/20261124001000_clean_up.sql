-- Clean-up that keeps up: batches until nothing is due, each as fast as a plain DELETE.

create or replace function copilot_internal.delete_ended_contexts(
  p_from timestamptz,
  p_before timestamptz,
  p_limit integer
)
returns table (deleted_count integer, last_terminated_at timestamptz)
language sql
volatile
set search_path = ''
as $$
  with deleted as (
    -- By ctid: a join by id made the planner read the whole table for each batch.
    delete from copilot_internal.execution_contexts c
    where c.ctid = any (array(
      select o.ctid
      from copilot_internal.execution_contexts o
      where o.terminated_at >= p_from and o.terminated_at < p_before
        -- A row that owes a kill stays: it is the only thing that knows of its sandbox.
        and copilot_internal.has_left_nothing(o)
      order by o.terminated_at
      limit p_limit
      for update skip locked
    ))
    returning c.terminated_at
  )
  select count(*)::integer, max(d.terminated_at) from deleted d
$$;
comment on function copilot_internal.delete_ended_contexts(timestamptz, timestamptz, integer) is
  'Deletes up to p_limit contexts that ended from p_from on and before p_before and owe no kill, the oldest first. Says how many, and when the last of them ended.';
revoke execute on function copilot_internal.delete_ended_contexts(timestamptz, timestamptz, integer)
  from public, anon, authenticated;

create or replace function copilot_internal.cleanup_old_terminated_contexts(
  p_days_old integer default 7,
  p_limit integer default 100
)
returns table (deleted_count integer)
language plpgsql
set search_path = ''
as $$
begin
  if p_days_old is null or p_days_old < 0 or p_limit is null or p_limit < 0 then
    raise exception 'p_days_old and p_limit must not be negative'
      using errcode = 'invalid_parameter_value';
  end if;

  return query
    select d.deleted_count
    from copilot_internal.delete_ended_contexts(
      timestamptz '-infinity', clock_timestamp() - make_interval(days => p_days_old), p_limit
    ) d;
end
$$;
comment on function copilot_internal.cleanup_old_terminated_contexts(integer, integer) is
  'Deletes up to p_limit contexts that ended more than p_days_old days ago and owe no kill, the oldest first. Says how many.';
revoke execute on function copilot_internal.cleanup_old_terminated_contexts(integer, integer)
  from public, anon, authenticated;

create or replace function copilot_internal.cleanup_until_done(
  p_days_old integer default 7,
  p_limit integer default 250,
  -- Below the two minutes after which Supabase cancels a statement, and its work with it.
  p_budget interval default interval '90 seconds'
)
returns table (deleted_count integer)
language plpgsql
set search_path = ''
as $$
declare
  v_batch record;
  -- Where the last batch ended: from the beginning, each would walk again over the index entries of all before it.
  v_from timestamptz := timestamptz '-infinity';
  v_before timestamptz := clock_timestamp() - make_interval(days => p_days_old);
  v_end timestamptz := clock_timestamp() + p_budget;
  v_started timestamptz;
begin
  deleted_count := 0;
  loop
    v_started := clock_timestamp();
    select * into v_batch from copilot_internal.delete_ended_contexts(v_from, v_before, p_limit);
    deleted_count := deleted_count + v_batch.deleted_count;
    exit when v_batch.deleted_count = 0 or v_batch.deleted_count < p_limit or clock_timestamp() >= v_end;
    v_from := v_batch.last_terminated_at;
    -- Short batches, and rests between them: those who wait for an answer hardly feel it.
    perform pg_sleep(1.5 * extract(epoch from clock_timestamp() - v_started));
  end loop;
  return next;
end
$$;
comment on function copilot_internal.cleanup_until_done(integer, integer, interval) is
  'Deletes old contexts in batches of p_limit, with rests between them, until none is left or p_budget is spent. Says how many.';
revoke execute on function copilot_internal.cleanup_until_done(integer, integer, interval)
  from public, anon, authenticated;

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
    ),
    owners as (
      -- Of conversations of which nothing is left that would be theirs alone.
      delete from copilot_internal.conversations v
      where v.ctid = any (array(
        select o.ctid from copilot_internal.conversations o
        where o.last_used_at < v_before
          and not exists (
            select from copilot_internal.execution_contexts c
            where c.tenant_id = o.tenant_id and c.conversation_id = o.conversation_id
          )
          and not exists (
            select from copilot_internal.idempotency_keys k
            where k.tenant_id = o.tenant_id and k.conversation_id = o.conversation_id
          )
        limit p_limit
        for update skip locked
      ))
      returning 1
    )
    select (select count(*) from keys) + (select count(*) from runs) + (select count(*) from lives)
      + (select count(*) from owners) into v_batch;
    deleted_count := deleted_count + v_batch;
    exit when v_batch = 0 or clock_timestamp() >= v_end;
  end loop;
  return next;
end
$$;
comment on function copilot_internal.cleanup_executions(integer, interval) is
  'Deletes the ledger''s rows that are older than settings.ledger_days, whose conversations were that are older and of which nothing is kept, and answers that are past their time, in batches of p_limit a table, until none is left or p_budget is spent. Says how many.';
revoke execute on function copilot_internal.cleanup_executions(integer, interval) from public, anon, authenticated;
