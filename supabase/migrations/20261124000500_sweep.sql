-- What the sweep works on: deadlines that have passed, kills that are owed, and sandboxes that nobody owns.

create or replace function copilot_internal.has_left_nothing(p_context copilot_internal.execution_contexts)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
declare
  v_gone_at timestamptz := coalesce(p_context.may_live_until, p_context.terminated_at);
begin
  return case
    when p_context.sandbox_id is not null then p_context.sandbox_killed_at is not null
    -- Whether a fork is paused goes by its source's.
    when p_context.keep_seconds = 0 and p_context.lineage_id is null then v_gone_at < clock_timestamp()
    -- What a claim may have made is only paused by then. The sweep knows it by the claim's row, once it is no young one:
    -- to make it takes a minute at most.
    else v_gone_at <= coalesce(
      (select p.walked_at from copilot_internal.sweep_place p), timestamptz '-infinity'
    ) - interval '1 minute'
  end;
end
$$;
comment on function copilot_internal.has_left_nothing(copilot_internal.execution_contexts) is
  'Whether nothing of an ended context is left at E2B for certain: its kill is confirmed; or it was a claim, and what that may have made has ended by itself, or a sweep has been through E2B''s whole list since.';
revoke execute on function copilot_internal.has_left_nothing(copilot_internal.execution_contexts)
  from public, anon, authenticated;

create or replace function copilot_internal.delete_failed_claims(p_limit integer default 10000)
returns table (deleted_count integer)
language plpgsql
set search_path = ''
as $$
declare
  -- Read once: a clock that is read anew for each row can be looked up in no index.
  v_now timestamptz := clock_timestamp();
begin
  -- Those who wait for such a claim are told its error, and a sandbox that it may have made is known by its row.
  delete from copilot_internal.execution_contexts c
  where c.ctid = any (array(
    select o.ctid
    from copilot_internal.execution_contexts o
    where o.terminated_at < v_now - interval '10 minutes' and o.activated_at is null
      and o.sandbox_id is null and copilot_internal.has_left_nothing(o)
    order by o.terminated_at
    limit p_limit
    for update skip locked
  ));
  get diagnostics deleted_count = row_count;
  return next;
end
$$;
comment on function copilot_internal.delete_failed_claims(integer) is
  'Deletes up to p_limit claims that never became ready, once neither their callers nor their sandboxes can be there any more. Says how many.';
revoke execute on function copilot_internal.delete_failed_claims(integer) from public, anon, authenticated;

create or replace function public.copilot_expire_due_contexts(
  p_limit integer default 10000,
  p_sleeping_quota integer default null
)
returns integer
language sql
volatile
security definer
set search_path = ''
as $$
  select d.deleted_count from copilot_internal.delete_failed_claims(p_limit) d;
  -- Where no schedule runs, the sweep does it.
  delete from copilot_internal.open_executions o where o.deadline_at <= clock_timestamp();
  delete from copilot_internal.source_holds h where h.held_until <= clock_timestamp();
  select e.expired_count + a.ended_count
  from copilot_internal.expire_execution_contexts(p_limit) e
  cross join copilot_internal.end_longest_asleep(p_sleeping_quota, p_limit) a
$$;
comment on function public.copilot_expire_due_contexts(integer, integer) is
  'Retires up to p_limit contexts that are past their deadline, and as many that sleep beyond their tenant''s p_sleeping_quota; deletes as many claims that came to nothing long ago. Says how many it retired.';
revoke execute on function public.copilot_expire_due_contexts(integer, integer) from public, anon, authenticated;
grant execute on function public.copilot_expire_due_contexts(integer, integer) to service_role;

create or replace function public.copilot_take_owed_kills(p_limit integer default 100, p_retry_seconds integer default 30)
returns table (id uuid, sandbox_id text)
language sql
volatile
security definer
set search_path = ''
as $$
  with owed as (
    select c.id
    from copilot_internal.execution_contexts c
    where c.terminated_at is not null and c.sandbox_id is not null and c.sandbox_killed_at is null
      and (
        c.kill_attempted_at is null
        or c.kill_attempted_at < clock_timestamp() - make_interval(secs => p_retry_seconds)
      )
    -- By how long they have waited since they were tried, or arose: kills that keep failing hold up none.
    order by coalesce(c.kill_attempted_at, c.terminated_at)
    limit p_limit
    for update skip locked
  )
  update copilot_internal.execution_contexts c
  set kill_attempted_at = clock_timestamp()
  from owed
  where c.id = owed.id
  returning c.id, c.sandbox_id
$$;
comment on function public.copilot_take_owed_kills(integer, integer) is
  'Up to p_limit ended contexts whose sandbox is not known to be gone. Whoever takes one has p_retry_seconds to kill and confirm before another sweep may.';
revoke execute on function public.copilot_take_owed_kills(integer, integer) from public, anon, authenticated;
grant execute on function public.copilot_take_owed_kills(integer, integer) to service_role;

create or replace function public.copilot_find_orphans(p_sandboxes jsonb)
returns table (sandbox_id text, context_id uuid)
language sql
stable
security definer
set search_path = ''
as $$
  select s.sandbox_id, s.context_id
  from jsonb_to_recordset(p_sandboxes) as s (sandbox_id text, context_id uuid)
  where (
    -- Only what is ours: the account may serve other deployments too. A fork names the context its line began with.
    exists (select from copilot_internal.execution_contexts c where c.id = s.context_id)
    or exists (select from copilot_internal.execution_contexts c where c.lineage_id = s.context_id)
  )
  -- Whose it is the table says alone.
  and not exists (
    select from copilot_internal.execution_contexts c
    where c.sandbox_id = s.sandbox_id and c.terminated_at is null
  )
  and not exists (
    select from copilot_internal.execution_contexts c
    where c.sandbox_id = s.sandbox_id and c.terminated_at is not null and c.sandbox_killed_at is null
  )
  -- What a claim makes is nobody's until it is activated; so is a fork, which says only of which line it is.
  and not exists (
    select from copilot_internal.execution_contexts c
    where s.context_id in (c.id, c.lineage_id)
      -- Also past its lease: until somebody ends it, it may be activated.
      and c.terminated_at is null and c.sandbox_status = 'creating'
  )
$$;
comment on function public.copilot_find_orphans(jsonb) is
  'Of these sandboxes ([{"sandbox_id", "context_id"}]), those that claims of ours made, that no active context owns, whose kill no context owes, and that no claim in flight can have made.';
revoke execute on function public.copilot_find_orphans(jsonb) from public, anon, authenticated;
grant execute on function public.copilot_find_orphans(jsonb) to service_role;

-- Where in E2B's list the last sweep ended: the next one goes on there, so that what lies far behind is come to as well.
create table if not exists copilot_internal.sweep_place (
  id boolean primary key default true,
  page_token text,
  walk_began_at timestamptz,
  walked_at timestamptz,
  swept_at timestamptz,
  constraint sweep_place_one_row check (id)
);
comment on table copilot_internal.sweep_place is
  'How far the sweeps are: where the next one goes on in E2B''s list of sandboxes, and when the last one came to its end. One row.';
comment on column copilot_internal.sweep_place.page_token is
  'The token of the next page; null at the list''s beginning.';
comment on column copilot_internal.sweep_place.walk_began_at is
  'When the walk through the list began that goes on there. Null: an orphan that it found could not be killed.';
comment on column copilot_internal.sweep_place.walked_at is
  'When the last walk began that came to the list''s end and left no orphan behind.';
comment on column copilot_internal.sweep_place.swept_at is
  'When a sweep that a service asked for came to its end last; null before the first one. Those of requests in passing do not count: they would hide that the schedule has stopped, until nobody sends requests.';
alter table copilot_internal.sweep_place enable row level security;
insert into copilot_internal.sweep_place default values on conflict do nothing;

create or replace function public.copilot_sweep_place()
returns table (page_token text, walk_began_at timestamptz)
language sql
volatile
security definer
set search_path = ''
as $$
  select p.page_token, case when p.page_token is null then clock_timestamp() else p.walk_began_at end
  from copilot_internal.sweep_place p
$$;
comment on function public.copilot_sweep_place() is
  'The token of the page of E2B''s list where the next sweep goes on, null at the beginning, and when this walk through the list began; null where it has left an orphan behind.';
revoke execute on function public.copilot_sweep_place() from public, anon, authenticated;
grant execute on function public.copilot_sweep_place() to service_role;

create or replace function public.copilot_move_sweep_place(
  p_is_clean boolean,
  p_page_token text default null,
  p_walk_began_at timestamptz default null
)
returns boolean
language sql
volatile
security definer
set search_path = ''
as $$
  with moved as (
    update copilot_internal.sweep_place p
    -- Both together: of sweeps at the same time each tells how far its own walk has come, and one of them is gone on with.
    set page_token = p_page_token,
        walk_began_at = case when p_is_clean then p_walk_began_at end,
        walked_at = case
          when p_is_clean and p_page_token is null then greatest(p.walked_at, p_walk_began_at)
          else p.walked_at
        end
    where p.id
    returning 1
  )
  select exists (select from moved)
$$;
comment on function public.copilot_move_sweep_place(boolean, text, timestamptz) is
  'Notes where the next sweep goes on in E2B''s list, null for its end, and whether all orphans are gone that the walk which began at p_walk_began_at has found up to there.';
revoke execute on function public.copilot_move_sweep_place(boolean, text, timestamptz) from public, anon, authenticated;
grant execute on function public.copilot_move_sweep_place(boolean, text, timestamptz) to service_role;

create or replace function public.copilot_note_sweep()
returns timestamptz
language sql
volatile
security definer
set search_path = ''
as $$
  update copilot_internal.sweep_place p
  set swept_at = clock_timestamp()
  where p.id
  returning p.swept_at
$$;
comment on function public.copilot_note_sweep() is
  'Notes that a sweep has come to its end, and returns when.';
revoke execute on function public.copilot_note_sweep() from public, anon, authenticated;
grant execute on function public.copilot_note_sweep() to service_role;
