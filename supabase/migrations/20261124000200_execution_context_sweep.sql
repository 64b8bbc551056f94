-- What the sweep works on: deadlines that have passed, kills that are owed, and sandboxes that nobody owns.

create or replace function public.expire_due_execution_contexts(p_limit integer default 10000)
returns integer
language sql
volatile
security definer
set search_path = ''
as $$
  select e.expired_count from copilot_internal.expire_execution_contexts(p_limit) e
$$;
comment on function public.expire_due_execution_contexts(integer) is
  'Retires up to p_limit contexts that are past their deadline. Says how many.';
revoke execute on function public.expire_due_execution_contexts(integer) from public, anon, authenticated;
grant execute on function public.expire_due_execution_contexts(integer) to service_role;

create or replace function public.take_owed_kills(p_limit integer default 100, p_retry_seconds integer default 30)
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
comment on function public.take_owed_kills(integer, integer) is
  'Up to p_limit ended contexts whose sandbox is not known to be gone. Whoever takes one has p_retry_seconds to kill and confirm before another sweep may.';
revoke execute on function public.take_owed_kills(integer, integer) from public, anon, authenticated;
grant execute on function public.take_owed_kills(integer, integer) to service_role;

create or replace function public.find_orphans(p_sandboxes jsonb)
returns table (sandbox_id text, context_id uuid)
language sql
stable
security definer
set search_path = ''
as $$
  select s.sandbox_id, s.context_id
  from jsonb_to_recordset(p_sandboxes) as s (sandbox_id text, context_id uuid)
  -- Only what a claim of ours made: the account may serve other deployments too.
  join copilot_internal.execution_contexts c on c.id = s.context_id
  where not (
    c.terminated_at is null
    -- A claim has no sandbox_id yet, and a null comparison would hide what it made from "not".
    and (c.sandbox_id is not distinct from s.sandbox_id or (c.sandbox_status = 'creating' and c.expires_at > clock_timestamp()))
  )
$$;
comment on function public.find_orphans(jsonb) is
  'Of these sandboxes ([{"sandbox_id", "context_id"}]), those that a claim of ours made and that no active context owns.';
revoke execute on function public.find_orphans(jsonb) from public, anon, authenticated;
grant execute on function public.find_orphans(jsonb) to service_role;
