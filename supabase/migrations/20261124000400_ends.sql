-- How contexts end, and their claims' places with them.

create or replace function public.copilot_terminate_contexts(
  p_tenant_id text,
  p_conversation_id text default null,
  p_path_id text default null,
  p_context_id uuid default null,
  p_user_id text default null,
  p_all boolean default false
)
returns table (id uuid, sandbox_id text)
language sql
volatile
security definer
set search_path = ''
as $$
  update copilot_internal.execution_contexts c
  set sandbox_status = 'terminated',
      termination_reason = 'terminated',
      terminated_at = clock_timestamp(),
      -- The caller kills them next; a sweep need not.
      kill_attempted_at = case when c.sandbox_id is not null then clock_timestamp() end
  where c.tenant_id = p_tenant_id
    and c.terminated_at is null
    and (p_conversation_id is not null or p_context_id is not null or p_all)
    and (p_conversation_id is null or c.conversation_id = p_conversation_id)
    and (p_path_id is null or c.path_id = p_path_id)
    and (p_context_id is null or c.id = p_context_id)
    and case
      when p_user_id is null then true
      -- Not what is only open to them.
      when p_all then exists (
        select from copilot_internal.conversations v
        where v.tenant_id = c.tenant_id and v.conversation_id = c.conversation_id and v.user_id = p_user_id
      )
      else copilot_internal.is_open_to(c.tenant_id, c.conversation_id, p_user_id)
    end
  returning c.id, c.sandbox_id
$$;
comment on function public.copilot_terminate_contexts(text, text, text, uuid, text, boolean) is
  'Ends the active contexts of a conversation, of one path of it, or one context, of this tenant, as far as they are open to p_user_id; with p_all, those of all the tenant''s conversations, or of those that are p_user_id''s own. Returns those it ended, with the sandboxes that must be killed now; a claim in flight has none.';
revoke execute on function public.copilot_terminate_contexts(text, text, text, uuid, text, boolean) from public, anon, authenticated;
grant execute on function public.copilot_terminate_contexts(text, text, text, uuid, text, boolean) to service_role;

create or replace function public.copilot_lose_context(
  p_context_id uuid,
  p_sandbox_id text,
  p_confirmed boolean default true
)
returns boolean
language sql
volatile
security definer
set search_path = ''
as $$
  with lost as (
    update copilot_internal.execution_contexts c
    set sandbox_status = 'terminated',
        termination_reason = 'sandbox_lost',
        terminated_at = clock_timestamp(),
        sandbox_killed_at = case when p_confirmed then clock_timestamp() end
    where c.id = p_context_id and c.sandbox_id = p_sandbox_id and c.terminated_at is null
    returning 1
  )
  select exists (select from lost)
$$;
comment on function public.copilot_lose_context(uuid, text, boolean) is
  'Ends a ready context whose sandbox E2B says is gone. Not p_confirmed: it is only being killed, and the kill stays owed. False if it had ended before.';
revoke execute on function public.copilot_lose_context(uuid, text, boolean) from public, anon, authenticated;
grant execute on function public.copilot_lose_context(uuid, text, boolean) to service_role;

create or replace function public.copilot_confirm_sandbox_killed(p_context_id uuid, p_sandbox_id text)
returns boolean
language sql
volatile
security definer
set search_path = ''
as $$
  with confirmed as (
    update copilot_internal.execution_contexts c
    set sandbox_killed_at = clock_timestamp()
    where c.id = p_context_id and c.sandbox_id = p_sandbox_id
      and c.terminated_at is not null and c.sandbox_killed_at is null
    returning 1
  )
  select exists (select from confirmed)
$$;
comment on function public.copilot_confirm_sandbox_killed(uuid, text) is
  'Notes that E2B confirmed the kill of an ended context''s sandbox (204 or 404). False if none was owed.';
revoke execute on function public.copilot_confirm_sandbox_killed(uuid, text) from public, anon, authenticated;
grant execute on function public.copilot_confirm_sandbox_killed(uuid, text) to service_role;

create or replace function copilot_internal.expire_execution_contexts(p_limit integer default 10000)
returns table (expired_count integer)
language plpgsql
set search_path = ''
-- By the index of active contexts, each of which is looked at: one on expires_at would cost every touch a write to it.
-- Left to itself the planner reads the whole table instead, a week's history included, every minute.
set enable_seqscan = off
as $$
begin
  with due as (
    select c.id
    from copilot_internal.execution_contexts c
    where c.terminated_at is null and c.expires_at <= clock_timestamp()
      and (
        c.sandbox_status = 'creating' or c.expires_at + make_interval(secs => c.keep_seconds) <= clock_timestamp()
      )
    limit p_limit
    for update skip locked
  )
  update copilot_internal.execution_contexts c
  set sandbox_status = 'terminated',
      termination_reason = case c.sandbox_status when 'creating' then 'abandoned' else 'expired' end,
      terminated_at = clock_timestamp()
  from due
  where c.id = due.id;

  get diagnostics expired_count = row_count;
  return next;
end
$$;
comment on function copilot_internal.expire_execution_contexts(integer) is
  'Retires up to p_limit contexts that are past their deadline: those that were idle, or asleep, as long as they may be, and claims whose lease ran out. Says how many.';
revoke execute on function copilot_internal.expire_execution_contexts(integer) from public, anon, authenticated;

create or replace function copilot_internal.end_longest_asleep(p_sleeping_quota integer, p_limit integer default 10000)
returns table (ended_count integer)
language plpgsql
set search_path = ''
-- As with those that are due.
set enable_seqscan = off
as $$
begin
  with asleep as (
    select
      c.id, coalesce(t.sleeping_quota, p_sleeping_quota) as quota,
      row_number() over (partition by c.tenant_id order by c.expires_at desc) as place
    from copilot_internal.execution_contexts c
    left join copilot_internal.tenants t on t.tenant_id = c.tenant_id
    where c.terminated_at is null and c.sandbox_status = 'ready' and c.expires_at <= clock_timestamp()
      -- What has slept as long as it may is due, and not evicted.
      and c.expires_at + make_interval(secs => c.keep_seconds) > clock_timestamp()
  ),
  doomed as (
    select c.id
    from asleep a
    join copilot_internal.execution_contexts c on c.id = a.id
    where a.place > a.quota
      -- Not if somebody has woken it since.
      and c.terminated_at is null and c.expires_at <= clock_timestamp()
    limit p_limit
    for update of c skip locked
  )
  update copilot_internal.execution_contexts c
  set sandbox_status = 'terminated',
      termination_reason = 'evicted',
      terminated_at = clock_timestamp()
  from doomed
  where c.id = doomed.id;

  get diagnostics ended_count = row_count;
  return next;
end
$$;
comment on function copilot_internal.end_longest_asleep(integer, integer) is
  'Ends up to p_limit contexts that sleep beyond what their tenant may keep asleep, p_sleeping_quota unless it has its own: those that have slept longest. Says how many.';
revoke execute on function copilot_internal.end_longest_asleep(integer, integer) from public, anon, authenticated;

create or replace function public.copilot_loss_of_state(
  p_tenant_id text,
  p_conversation_id text,
  p_path_id text,
  p_state_id uuid
)
returns table (previous_termination_reason text, previous_terminated_at timestamptz)
language sql
stable
security definer
set search_path = ''
as $$
  select l.reason, l.at
  from copilot_internal.execution_contexts c
  cross join lateral (
    values
      (c.state_id, c.termination_reason, c.terminated_at),
      (c.previous_state_id, c.previous_termination_reason, c.previous_terminated_at)
  ) as l (state_id, reason, at)
  where c.tenant_id = p_tenant_id and c.conversation_id = p_conversation_id and c.path_id = p_path_id
    and (c.terminated_at is null or c.activated_at is not null)
    and l.state_id = p_state_id and l.at is not null
  limit 1
$$;
comment on function public.copilot_loss_of_state(text, text, text, uuid) is
  'How the variables of a path were lost that had this state id. No row: nobody knows any more.';
revoke execute on function public.copilot_loss_of_state(text, text, text, uuid) from public, anon, authenticated;
grant execute on function public.copilot_loss_of_state(text, text, text, uuid) to service_role;
