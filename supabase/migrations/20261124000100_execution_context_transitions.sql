-- The transitions of a context, one function each. Every one is a conditional statement on the database's clock, so
-- whoever comes late changes no row and can see that. Expected outcomes are rows, never exceptions.
--
-- They stand in public because PostgREST reaches exposed schemas only. Postgres lets PUBLIC execute every new
-- function: each definition is followed by the grants that leave service_role alone.

create or replace function public.claim_execution_context(
  p_claim_id uuid,
  p_tenant_id text,
  p_conversation_id text,
  p_path_id text,
  p_lease_seconds integer,
  p_default_ttl_seconds integer,
  p_ttl_seconds integer default null,
  p_hold_seconds integer default 0,
  p_awaited_id uuid default null,
  p_tenant_quota integer default null,
  p_conversation_quota integer default null
)
returns table (
  outcome text,
  id uuid,
  tenant_id text,
  conversation_id text,
  path_id text,
  sandbox_id text,
  ttl_seconds integer,
  created_at timestamptz,
  last_used_at timestamptz,
  expires_at timestamptz,
  previous_termination_reason text,
  previous_terminated_at timestamptz,
  error_code text,
  error_retry_after_seconds integer,
  quota_scope text,
  quota_limit integer,
  quota_count integer
)
language plpgsql
volatile
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_outcome text;
  v_context copilot_internal.execution_contexts;
  v_previous copilot_internal.execution_contexts;
  v_quota record;
begin
  -- Each turn sees what others have committed meanwhile, and turns end: one that finds nothing to do means that
  -- somebody else has moved the path on. The bound is for the caller's patience only; "pending" brings it back.
  for turn in 1..10 loop
    v_outcome := 'pending';

    update copilot_internal.execution_contexts c
    set last_used_at = clock_timestamp(),
        ttl_seconds = coalesce(p_ttl_seconds, c.ttl_seconds),
        -- Only ever later, as E2B moves a sandbox's own deadline: a call with a short TTL must not end what still runs.
        expires_at = greatest(
          c.expires_at,
          clock_timestamp() + make_interval(secs => coalesce(p_ttl_seconds, c.ttl_seconds) + p_hold_seconds)
        )
    where c.tenant_id = p_tenant_id and c.conversation_id = p_conversation_id and c.path_id = p_path_id
      and c.terminated_at is null and c.sandbox_status = 'ready' and c.expires_at > clock_timestamp()
    returning c.* into v_context;
    if found then
      v_outcome := 'reused';
      -- A touch that is lost in a crash only shortens an idle deadline, so it need not wait for the disk.
      perform set_config('synchronous_commit', 'off', true);
      exit;
    end if;

    if p_awaited_id is not null then
      select c.* into v_context
      from copilot_internal.execution_contexts c
      where c.id = p_awaited_id and c.sandbox_status = 'error' and c.error_final;
      if found then
        v_outcome := 'failed';
        exit;
      end if;
    end if;

    -- Whoever waits only looks, and takes no lock.
    select c.* into v_context
    from copilot_internal.execution_contexts c
    where c.tenant_id = p_tenant_id and c.conversation_id = p_conversation_id and c.path_id = p_path_id
      and c.terminated_at is null and c.sandbox_status = 'creating' and c.expires_at > clock_timestamp();
    if found then
      if v_context.id = p_claim_id then
        -- The answer to this very claim was lost and its holder asks again.
        v_outcome := 'claimed';
      end if;
      exit;
    end if;

    -- Claims of one tenant count and insert one after the other, or a hundred at once would all find room; other
    -- tenants do not wait. Taken before any row is locked: nobody who holds a row waits for this lock.
    perform pg_advisory_xact_lock(hashtextextended('copilot_internal.execution_contexts ' || p_tenant_id, 0));

    update copilot_internal.execution_contexts c
    set sandbox_status = 'terminated',
        termination_reason = case c.sandbox_status when 'creating' then 'abandoned' else 'expired' end,
        terminated_at = clock_timestamp()
    where c.tenant_id = p_tenant_id and c.conversation_id = p_conversation_id and c.path_id = p_path_id
      and c.terminated_at is null and c.expires_at <= clock_timestamp();

    -- What is past its deadline holds no place, retired or not. This path's own place is not counted: it is what the
    -- claim is for, and somebody may have taken it since we looked.
    select q.scope, q.quota, q.taken, q.next_at into v_quota
    from (
      select
        count(*)::integer as tenant_taken,
        min(c.expires_at) as tenant_next_at,
        (count(*) filter (where c.conversation_id = p_conversation_id))::integer as conversation_taken,
        min(c.expires_at) filter (where c.conversation_id = p_conversation_id) as conversation_next_at
      from copilot_internal.execution_contexts c
      where c.tenant_id = p_tenant_id and c.terminated_at is null and c.expires_at > clock_timestamp()
        and not (c.conversation_id = p_conversation_id and c.path_id = p_path_id)
    ) active
    cross join lateral (
      values
        ('conversation', p_conversation_quota, active.conversation_taken, active.conversation_next_at),
        ('tenant', p_tenant_quota, active.tenant_taken, active.tenant_next_at)
    ) as q (scope, quota, taken, next_at)
    where q.taken >= q.quota
    limit 1;
    if found then
      return query select
        'quota_exceeded', null::uuid, p_tenant_id, p_conversation_id, p_path_id, null::text, null::integer,
        null::timestamptz, null::timestamptz, v_quota.next_at, null::text, null::timestamptz, null::text, null::integer,
        v_quota.scope, v_quota.quota, v_quota.taken;
      return;
    end if;

    -- Claims that never became ready are passed over: they held no variables, so the end of the one before counts.
    select c.* into v_previous
    from copilot_internal.execution_contexts c
    where c.tenant_id = p_tenant_id and c.conversation_id = p_conversation_id and c.path_id = p_path_id
      and c.terminated_at is not null and c.activated_at is not null
    order by c.terminated_at desc
    limit 1;

    insert into copilot_internal.execution_contexts as c (
      id, tenant_id, conversation_id, path_id, sandbox_status, ttl_seconds, expires_at,
      previous_termination_reason, previous_terminated_at
    )
    values (
      p_claim_id, p_tenant_id, p_conversation_id, p_path_id, 'creating', coalesce(p_ttl_seconds, p_default_ttl_seconds),
      clock_timestamp() + make_interval(secs => p_lease_seconds),
      v_previous.termination_reason, v_previous.terminated_at
    )
    on conflict do nothing
    returning c.* into v_context;
    if found then
      v_outcome := 'claimed';
      exit;
    end if;
    -- This very claim came before and has ended, its answer lost: the caller comes again with a new one.
    if exists (select from copilot_internal.execution_contexts c where c.id = p_claim_id) then
      v_context := null;
      exit;
    end if;
    -- Somebody else took the path since we looked: look again.
  end loop;

  return query select
    v_outcome, v_context.id, v_context.tenant_id, v_context.conversation_id, v_context.path_id, v_context.sandbox_id,
    v_context.ttl_seconds, v_context.created_at, v_context.last_used_at, v_context.expires_at,
    v_context.previous_termination_reason, v_context.previous_terminated_at,
    v_context.error_code, v_context.error_retry_after_seconds, null::text, null::integer, null::integer;
end
$$;
comment on function public.claim_execution_context(
  uuid, text, text, text, integer, integer, integer, integer, uuid, integer, integer
) is
  'Get or claim the context of a path. reused: it is ready and has been touched. claimed: the caller must create the sandbox, and p_claim_id, now the row''s id, is its fencing token; asking again with the same one is no second claim. pending: somebody else is creating it, until expires_at at the latest. failed: the awaited claim ended in an error that trying again would not mend. quota_exceeded: the tenant, or its conversation, has as many active contexts as it may; expires_at is when the next of them is due. p_hold_seconds is added to the idle deadline for an execution about to run.';
revoke execute on function
  public.claim_execution_context(
    uuid, text, text, text, integer, integer, integer, integer, uuid, integer, integer
  )
  from public, anon, authenticated;
grant execute on function
  public.claim_execution_context(
    uuid, text, text, text, integer, integer, integer, integer, uuid, integer, integer
  )
  to service_role;

create or replace function public.activate_execution_context(
  p_context_id uuid,
  p_sandbox_id text,
  p_hold_seconds integer default 0
)
returns table (
  id uuid,
  tenant_id text,
  conversation_id text,
  path_id text,
  sandbox_id text,
  ttl_seconds integer,
  created_at timestamptz,
  last_used_at timestamptz,
  expires_at timestamptz,
  previous_termination_reason text,
  previous_terminated_at timestamptz
)
language sql
volatile
security definer
set search_path = ''
as $$
  update copilot_internal.execution_contexts c
  set sandbox_status = 'ready',
      sandbox_id = p_sandbox_id,
      activated_at = coalesce(c.activated_at, clock_timestamp()),
      last_used_at = clock_timestamp(),
      expires_at = greatest(
        clock_timestamp() + make_interval(secs => c.ttl_seconds + p_hold_seconds),
        -- The lease's end was no idle deadline; that of a context which is ready already only moves later.
        case when c.sandbox_status = 'ready' then c.expires_at end
      )
  where c.id = p_context_id and c.terminated_at is null
    -- Asking again with the same sandbox is no error: the answer to the first time may have been lost.
    and (c.sandbox_status = 'creating' or c.sandbox_id = p_sandbox_id)
  returning
    c.id, c.tenant_id, c.conversation_id, c.path_id, c.sandbox_id, c.ttl_seconds, c.created_at, c.last_used_at,
    c.expires_at, c.previous_termination_reason, c.previous_terminated_at
$$;
comment on function public.activate_execution_context(uuid, text, integer) is
  'Turns a claim into a ready context and returns it. No row: the claim has ended, and the caller must kill its sandbox.';
revoke execute on function public.activate_execution_context(uuid, text, integer) from public, anon, authenticated;
grant execute on function public.activate_execution_context(uuid, text, integer) to service_role;

create or replace function public.fail_execution_context(
  p_context_id uuid,
  p_error_code text,
  p_error_final boolean,
  p_error_retry_after_seconds integer default null
)
returns boolean
language sql
volatile
security definer
set search_path = ''
as $$
  with failed as (
    update copilot_internal.execution_contexts c
    set sandbox_status = 'error',
        termination_reason = 'create_failed',
        terminated_at = clock_timestamp(),
        error_code = p_error_code,
        error_final = p_error_final,
        error_retry_after_seconds = p_error_retry_after_seconds
    where c.id = p_context_id and c.terminated_at is null and c.sandbox_status = 'creating'
    returning 1
  )
  select exists (select from failed)
$$;
comment on function public.fail_execution_context(uuid, text, boolean, integer) is
  'Ends a claim whose sandbox could not be made, so that the path is free at once. False if the claim was not open.';
revoke execute on function public.fail_execution_context(uuid, text, boolean, integer)
  from public, anon, authenticated;
grant execute on function public.fail_execution_context(uuid, text, boolean, integer) to service_role;

create or replace function public.lose_execution_context(
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
comment on function public.lose_execution_context(uuid, text, boolean) is
  'Ends a ready context whose sandbox E2B says is gone. Not p_confirmed: it is only being killed, and the kill stays owed. False if it had ended before.';
revoke execute on function public.lose_execution_context(uuid, text, boolean) from public, anon, authenticated;
grant execute on function public.lose_execution_context(uuid, text, boolean) to service_role;

create or replace function public.terminate_execution_contexts(
  p_tenant_id text,
  p_conversation_id text default null,
  p_path_id text default null,
  p_context_id uuid default null
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
    and (p_conversation_id is not null or p_context_id is not null)
    and (p_conversation_id is null or c.conversation_id = p_conversation_id)
    and (p_path_id is null or c.path_id = p_path_id)
    and (p_context_id is null or c.id = p_context_id)
  returning c.id, c.sandbox_id
$$;
comment on function public.terminate_execution_contexts(text, text, text, uuid) is
  'Ends the active contexts of a conversation, of one path of it, or one context, of this tenant. Returns those it ended, with the sandboxes that must be killed now; a claim in flight has none.';
revoke execute on function public.terminate_execution_contexts(text, text, text, uuid)
  from public, anon, authenticated;
grant execute on function public.terminate_execution_contexts(text, text, text, uuid) to service_role;

create or replace function public.confirm_sandbox_killed(p_context_id uuid, p_sandbox_id text)
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
comment on function public.confirm_sandbox_killed(uuid, text) is
  'Notes that E2B confirmed the kill of an ended context''s sandbox (204 or 404). False if none was owed.';
revoke execute on function public.confirm_sandbox_killed(uuid, text) from public, anon, authenticated;
grant execute on function public.confirm_sandbox_killed(uuid, text) to service_role;

create or replace function copilot_internal.expire_execution_contexts(p_limit integer default 10000)
returns table (expired_count integer)
language plpgsql
set search_path = ''
as $$
begin
  with due as (
    select c.id
    from copilot_internal.execution_contexts c
    where c.terminated_at is null and c.expires_at <= clock_timestamp()
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
  'Retires up to p_limit contexts that are past their deadline: idle ones and claims whose lease ran out. Says how many.';
revoke execute on function copilot_internal.expire_execution_contexts(integer) from public, anon, authenticated;
