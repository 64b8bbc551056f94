-- What there is, for services and operators: one row a context that is active or whose kill is owed. As with what users
-- may see, a function with its owner's rights stands between the view and the tables.

create or replace function copilot_internal.overview()
returns table (
  tenant_id text,
  user_id text,
  conversation_id text,
  path_id text,
  context_id uuid,
  sandbox_id text,
  sandbox_status text,
  state text,
  template text,
  created_at timestamptz,
  age_seconds integer,
  idle_seconds integer,
  expires_at timestamptz,
  kept_until timestamptz,
  running_since timestamptz,
  termination_reason text,
  kill_owed_since timestamptz,
  kill_attempted_at timestamptz,
  previous_termination_reason text,
  previous_terminated_at timestamptz
)
language sql
stable
security definer
set search_path = ''
rows 1000
as $$
  with running as (
    -- Once for all: a context may have thousands that are over.
    select e.context_id, min(e.started_at) as since
    from copilot_internal.executions e
    where e.status = 'running' and e.deadline_at > statement_timestamp()
    group by e.context_id
  ),
  -- Apart, so that each is looked up in its index, whatever has ended.
  contexts as (
    select c.*, copilot_internal.state_of(c) as state, copilot_internal.kept_until(c) as kept_until
    from copilot_internal.execution_contexts c
    where c.terminated_at is null
    union all
    select c.*, copilot_internal.state_of(c) as state, copilot_internal.kept_until(c) as kept_until
    from copilot_internal.execution_contexts c
    where c.terminated_at is not null and c.sandbox_id is not null and c.sandbox_killed_at is null
  )
  select
    c.tenant_id, v.user_id, c.conversation_id, c.path_id, c.id, c.sandbox_id, c.sandbox_status, c.state,
    c.template, c.created_at,
    extract(epoch from statement_timestamp() - c.created_at)::integer,
    case
      when c.terminated_at is not null then null
      when runs.since is not null then 0
      else greatest(0, extract(epoch from statement_timestamp() - c.last_used_at)::integer)
    end,
    c.expires_at, c.kept_until,
    case when c.terminated_at is null then runs.since end, c.termination_reason, c.terminated_at,
    c.kill_attempted_at, c.previous_termination_reason, c.previous_terminated_at
  from contexts c
  left join running r on r.context_id = c.id
  cross join lateral (
    -- The ledger begins with the kernel's first word: before that there are the claim's note, and when it was made.
    select coalesce(
      r.since,
      case
        when exists (
          select from copilot_internal.open_executions o
          where o.tenant_id = c.tenant_id and o.conversation_id = c.conversation_id and o.path_id = c.path_id
            and o.deadline_at > statement_timestamp()
        ) then c.last_used_at
      end
    ) as since
  ) runs
  left join copilot_internal.conversations v
    on v.tenant_id = c.tenant_id and v.conversation_id = c.conversation_id
$$;
comment on function copilot_internal.overview() is
  'The contexts that are active, or whose kill is owed, of all tenants.';
revoke execute on function copilot_internal.overview() from public, anon, authenticated;
-- Its schema is closed to it: it can be called by the view alone.
grant execute on function copilot_internal.overview() to service_role;

create or replace view public.execution_contexts_overview
with (security_invoker = true)
as
select
  o.tenant_id, o.user_id, o.conversation_id, o.path_id, o.context_id, o.sandbox_id, o.sandbox_status, o.state,
  o.template, o.created_at, o.age_seconds, o.idle_seconds, o.expires_at, o.kept_until, o.running_since, o.termination_reason, o.kill_owed_since,
  o.kill_attempted_at, o.previous_termination_reason, o.previous_terminated_at
from copilot_internal.overview() o;
comment on view public.execution_contexts_overview is
  'For services: one row a context that is active, or has ended and whose kill is owed. idle_seconds: since it was used, 0 while code runs, null once it has ended. running_since: of the execution that has run longest, or was asked for. kill_owed_since: when it ended. user_id: whose conversation it is; null: the tenant''s.';
revoke all on public.execution_contexts_overview from public, anon, authenticated, service_role;
grant select on public.execution_contexts_overview to service_role;
