-- What a quota counts: the sandboxes that may be alive at E2B, whatever has become of their rows.

alter table copilot_internal.execution_contexts
  add column if not exists probation_seconds integer not null default 90,
  add column if not exists may_live_until timestamptz;
comment on column copilot_internal.execution_contexts.probation_seconds is
  'How long the sandbox lives from its birth on, whatever comes.';
comment on column copilot_internal.execution_contexts.may_live_until is
  'Of an ended context: until when its sandbox may be alive, unless its kill is confirmed.';

-- Of rows that ended before there was this column, those that owe a kill.
update copilot_internal.execution_contexts
set may_live_until = expires_at
where terminated_at is not null and sandbox_id is not null and sandbox_killed_at is null and may_live_until is null;

-- E2B has one owner for each sandbox, and so has the table.
do $$
declare
  v_shared bigint := (
    select count(*) from (
      select from copilot_internal.execution_contexts
      where terminated_at is null and sandbox_id is not null
      group by sandbox_id having count(*) > 1
    ) sandboxes
  );
begin
  if v_shared > 0 then
    raise exception '% sandboxes have more than one active context; nothing has been changed', v_shared
      using hint = 'End all but one of each: update copilot_internal.execution_contexts set sandbox_status = ''terminated'', termination_reason = ''terminated'', terminated_at = now() where id = …';
  end if;
end
$$;
create unique index if not exists idx_execution_contexts_unique_sandbox
  on copilot_internal.execution_contexts (sandbox_id)
  where terminated_at is null and sandbox_id is not null;
comment on index copilot_internal.idx_execution_contexts_unique_sandbox is
  'No two active contexts have the same sandbox.';

create or replace function copilot_internal.note_end_of_life()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.may_live_until := case
    when new.sandbox_killed_at is not null then new.terminated_at
    -- E2B's deadline is never earlier than probation's end, and connect moves it as far as ours.
    when new.activated_at is not null
      then greatest(new.expires_at, new.activated_at + make_interval(secs => new.probation_seconds))
    -- It is asked for within the lease.
    else new.expires_at + make_interval(secs => new.probation_seconds)
  end;
  return new;
end
$$;
comment on function copilot_internal.note_end_of_life() is
  'Notes until when the sandbox of a context that ends may be alive.';
revoke execute on function copilot_internal.note_end_of_life() from public, anon, authenticated;

drop trigger if exists note_end_of_life on copilot_internal.execution_contexts;
create trigger note_end_of_life
  before update of terminated_at on copilot_internal.execution_contexts
  for each row
  when (old.terminated_at is null and new.terminated_at is not null and new.may_live_until is null)
  execute function copilot_internal.note_end_of_life();

create index if not exists idx_execution_contexts_may_live
  on copilot_internal.execution_contexts (tenant_id, may_live_until)
  where terminated_at is not null and sandbox_killed_at is null;
comment on index copilot_internal.idx_execution_contexts_may_live is
  'Ended contexts of a tenant whose sandbox may be alive.';

create or replace function copilot_internal.places(p_tenant_id text)
returns table (conversation_id text, path_id text, has_ended boolean, free_at timestamptz)
language sql
volatile
set search_path = ''
as $$
  select p.conversation_id, p.path_id, p.has_ended, p.free_at
  from (
    select
      c.conversation_id, c.path_id, false as has_ended,
      case c.sandbox_status
        when 'ready' then greatest(c.expires_at, c.activated_at + make_interval(secs => c.probation_seconds))
        else c.expires_at + make_interval(secs => c.probation_seconds)
      end as free_at
    from copilot_internal.execution_contexts c
    where c.tenant_id = p_tenant_id and c.terminated_at is null
    union all
    select c.conversation_id, c.path_id, true, max(c.may_live_until)
    from copilot_internal.execution_contexts c
    where c.tenant_id = p_tenant_id and c.terminated_at is not null and c.sandbox_killed_at is null
      and c.may_live_until > statement_timestamp()
    -- Of creates that failed one a path: they are tried again by who waits, and no caller can make E2B fail.
    group by c.conversation_id, c.path_id, case when c.sandbox_status <> 'error' then c.id end
  ) p
  where p.free_at > clock_timestamp()
$$;
comment on function copilot_internal.places(text) is
  'The sandboxes of a tenant that may be alive: those of active contexts, of claims in flight, of what ended and is not known to be gone. free_at: when E2B ends it, if nobody does.';
revoke execute on function copilot_internal.places(text) from public, anon, authenticated;

drop function if exists public.claim_execution_context(
  uuid, text, text, text, integer, integer, integer, integer, uuid, integer, integer
);
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
  p_conversation_quota integer default null,
  p_probation_seconds integer default 90,
  p_creates_per_minute integer default null,
  p_executions_per_minute integer default null
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
  -- The quota or rate that refuses the claim.
  v_limit record;
  v_again_at timestamptz;
begin
  -- A claim that asks again, because its answer was lost, has had its turn.
  if p_executions_per_minute is not null
    and not exists (select from copilot_internal.execution_contexts c where c.id = p_claim_id)
  then
    v_again_at := copilot_internal.take_turn(p_tenant_id, 'execution', p_executions_per_minute);
  end if;
  if v_again_at is not null then
    v_outcome := 'rate_limited';
    select 'executions'::text as scope, p_executions_per_minute as quota, null::integer as taken, v_again_at as next_at
    into v_limit;
  end if;

  -- Each turn sees what others have committed meanwhile, and turns end: one that finds nothing to do means that
  -- somebody else has moved the path on. The bound is for the caller's patience only; "pending" brings it back.
  for turn in 1..10 loop
    exit when v_outcome = 'rate_limited';
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

    -- Somebody else took the path while we waited for the lock: look again, and leave the turn to who creates.
    continue when exists (
      select from copilot_internal.execution_contexts c
      where c.tenant_id = p_tenant_id and c.conversation_id = p_conversation_id and c.path_id = p_path_id
        and c.terminated_at is null
    );
    -- This very claim came before and has ended, its answer lost: the caller comes again with a new one.
    if exists (select from copilot_internal.execution_contexts c where c.id = p_claim_id) then
      v_context := null;
      exit;
    end if;

    -- A ready context's place on this path is not counted: it is what the claim is for, and somebody may have taken it
    -- since we looked. Places of contexts that have ended here are.
    select q.scope, q.quota, q.taken, q.next_at into v_limit
    from (
      select
        count(*)::integer as tenant_taken,
        min(p.free_at) as tenant_next_at,
        (count(*) filter (where p.conversation_id = p_conversation_id))::integer as conversation_taken,
        min(p.free_at) filter (where p.conversation_id = p_conversation_id) as conversation_next_at
      from copilot_internal.places(p_tenant_id) p
      where p.has_ended or not (p.conversation_id = p_conversation_id and p.path_id = p_path_id)
    ) places
    cross join lateral (
      values
        ('conversation', p_conversation_quota, places.conversation_taken, places.conversation_next_at),
        ('tenant', p_tenant_quota, places.tenant_taken, places.tenant_next_at)
    ) as q (scope, quota, taken, next_at)
    where q.taken >= q.quota
    limit 1;
    if found then
      v_outcome := 'quota_exceeded';
      exit;
    end if;

    v_again_at := copilot_internal.take_turn(p_tenant_id, 'create', p_creates_per_minute);
    if v_again_at is not null then
      v_outcome := 'rate_limited';
      select 'creates'::text as scope, p_creates_per_minute as quota, null::integer as taken, v_again_at as next_at
      into v_limit;
      exit;
    end if;

    -- Claims that never became ready are passed over: they held no variables, so the end of the one before counts.
    select c.* into v_previous
    from copilot_internal.execution_contexts c
    where c.tenant_id = p_tenant_id and c.conversation_id = p_conversation_id and c.path_id = p_path_id
      and c.terminated_at is not null and c.activated_at is not null
    order by c.terminated_at desc
    limit 1;

    insert into copilot_internal.execution_contexts as c (
      id, tenant_id, conversation_id, path_id, sandbox_status, ttl_seconds, probation_seconds, expires_at,
      previous_termination_reason, previous_terminated_at
    )
    values (
      p_claim_id, p_tenant_id, p_conversation_id, p_path_id, 'creating', coalesce(p_ttl_seconds, p_default_ttl_seconds),
      p_probation_seconds, clock_timestamp() + make_interval(secs => p_lease_seconds),
      v_previous.termination_reason, v_previous.terminated_at
    )
    on conflict do nothing
    returning c.* into v_context;
    if found then
      v_outcome := 'claimed';
      exit;
    end if;
    -- Somebody else took the path since we looked: look again.
  end loop;

  if v_outcome in ('quota_exceeded', 'rate_limited') then
    return query select
      v_outcome, null::uuid, p_tenant_id, p_conversation_id, p_path_id, null::text, null::integer, null::timestamptz,
      null::timestamptz, v_limit.next_at, null::text, null::timestamptz, null::text, null::integer, v_limit.scope,
      v_limit.quota, v_limit.taken;
    return;
  end if;
  return query select
    v_outcome, v_context.id, v_context.tenant_id, v_context.conversation_id, v_context.path_id, v_context.sandbox_id,
    v_context.ttl_seconds, v_context.created_at, v_context.last_used_at, v_context.expires_at,
    v_context.previous_termination_reason, v_context.previous_terminated_at,
    v_context.error_code, v_context.error_retry_after_seconds, null::text, null::integer, null::integer;
end
$$;
comment on function public.claim_execution_context(
  uuid, text, text, text, integer, integer, integer, integer, uuid, integer, integer, integer, integer, integer
) is
  'Get or claim the context of a path. reused: it is ready and has been touched. claimed: the caller must create the sandbox, and p_claim_id, now the row''s id, is its fencing token; asking again with the same one is no second claim. pending: somebody else is creating it, until expires_at at the latest. failed: the awaited claim ended in an error that trying again would not mend. quota_exceeded: as many sandboxes of the tenant, or of its conversation, may be alive as there may be; expires_at is when a place is free at the latest, unless it is taken. rate_limited: the tenant has created, or executed, as often as it may in a minute; expires_at is when to come again. p_hold_seconds is added to the idle deadline for an execution about to run.';
revoke execute on function
  public.claim_execution_context(
    uuid, text, text, text, integer, integer, integer, integer, uuid, integer, integer, integer, integer, integer
  )
  from public, anon, authenticated;
grant execute on function
  public.claim_execution_context(
    uuid, text, text, text, integer, integer, integer, integer, uuid, integer, integer, integer, integer, integer
  )
  to service_role;

drop function if exists public.fail_execution_context(uuid, text, boolean, integer);
create or replace function public.fail_execution_context(
  p_context_id uuid,
  p_error_code text,
  p_error_final boolean,
  p_error_retry_after_seconds integer default null,
  p_may_live boolean default true
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
        error_retry_after_seconds = p_error_retry_after_seconds,
        -- What was asked for is born by now, or never.
        may_live_until =
          clock_timestamp() + case when p_may_live then make_interval(secs => c.probation_seconds) else interval '0' end
    where c.id = p_context_id and c.terminated_at is null and c.sandbox_status = 'creating'
    returning 1
  )
  select exists (select from failed)
$$;
comment on function public.fail_execution_context(uuid, text, boolean, integer, boolean) is
  'Ends a claim whose sandbox could not be made, so that the path is free at once. Not p_may_live: none was made for certain, and it holds no place. False if the claim was not open.';
revoke execute on function public.fail_execution_context(uuid, text, boolean, integer, boolean)
  from public, anon, authenticated;
grant execute on function public.fail_execution_context(uuid, text, boolean, integer, boolean) to service_role;

create or replace function public.settle_claim(p_context_id uuid)
returns boolean
language sql
volatile
security definer
set search_path = ''
as $$
  with settled as (
    update copilot_internal.execution_contexts c
    set may_live_until = least(c.may_live_until, clock_timestamp())
    where c.id = p_context_id and c.terminated_at is not null and c.sandbox_id is null
    returning 1
  )
  select exists (select from settled)
$$;
comment on function public.settle_claim(uuid) is
  'Notes that no sandbox of an ended claim is alive: it was killed, or none was made. Its place is free. False if there is no such claim.';
revoke execute on function public.settle_claim(uuid) from public, anon, authenticated;
grant execute on function public.settle_claim(uuid) to service_role;

create index if not exists idx_execution_contexts_failed_claims
  on copilot_internal.execution_contexts (terminated_at)
  where terminated_at is not null and activated_at is null;
comment on index copilot_internal.idx_execution_contexts_failed_claims is 'Clean-up of claims that came to nothing.';

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
      and o.sandbox_id is null and coalesce(o.may_live_until, o.terminated_at) < v_now
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

create or replace function public.expire_due_execution_contexts(p_limit integer default 10000)
returns integer
language sql
volatile
security definer
set search_path = ''
as $$
  select d.deleted_count from copilot_internal.delete_failed_claims(p_limit) d;
  select e.expired_count from copilot_internal.expire_execution_contexts(p_limit) e
$$;
comment on function public.expire_due_execution_contexts(integer) is
  'Retires up to p_limit contexts that are past their deadline, and deletes as many claims that came to nothing long ago. Says how many it retired.';

do $$
begin
  -- Where it is missing, an earlier migration has said so.
  if to_regnamespace('cron') is null then
    return;
  end if;
  perform cron.schedule(
    'cleanup-failed-claims', '* * * * *',
    'select copilot_internal.delete_failed_claims()'
  );
end
$$;
