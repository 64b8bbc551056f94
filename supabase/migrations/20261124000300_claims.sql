-- Getting a path's context: one that is ready, or the right to create its sandbox, and what becomes of that. Every
-- transition is a conditional statement on the database's clock, so whoever comes late changes no row and can see that.
-- Expected outcomes are rows, never exceptions.
--
-- What the functions call stands in public, because PostgREST reaches exposed schemas only, under names that begin with
-- copilot_. Postgres lets PUBLIC execute every new function: each definition is followed by the grants that leave
-- service_role alone.

create or replace function copilot_internal.places(p_tenant_id text)
returns table (conversation_id text, path_id text, has_ended boolean, free_at timestamptz)
-- Every claim of a new path asks: unlike SQL's, its plans are made once a session.
language plpgsql
volatile
set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
  select p.conversation_id, p.path_id, p.has_ended, p.free_at
  from (
    select
      c.conversation_id, c.path_id, false as has_ended,
      case c.sandbox_status
        when 'ready' then greatest(
          c.expires_at, c.sandbox_deadline_at, c.activated_at + make_interval(secs => c.probation_seconds)
        )
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
  where p.free_at > clock_timestamp();
end
$$;
comment on function copilot_internal.places(text) is
  'The sandboxes of a tenant that may be alive: those of active contexts, of claims in flight, of what ended and is not known to be gone. Those that sleep have none. free_at: when E2B ends or pauses it, if nobody does.';
revoke execute on function copilot_internal.places(text) from public, anon, authenticated;

create or replace function public.copilot_claim_context(
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
  p_executions_per_minute integer default null,
  p_execution_id uuid default null,
  p_language text default null,
  p_open_seconds integer default null,
  p_evict boolean default false,
  p_user_id text default null,
  p_keep_seconds integer default 0,
  p_from_path_id text default null,
  p_asked_at double precision default 0,
  p_execution_name text default null
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
  kept_until timestamptz,
  state_id uuid,
  previous_termination_reason text,
  previous_terminated_at timestamptz,
  forked_from_context_id uuid,
  forked_from_path_id text,
  error_code text,
  error_retry_after_seconds integer,
  quota_scope text,
  quota_limit integer,
  quota_count integer,
  template text,
  allow_internet boolean,
  allowed_hosts text[],
  sandbox_deadline_at timestamptz,
  sandbox_access text,
  kernel_count integer,
  was_asleep boolean
)
language plpgsql
volatile
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_context copilot_internal.execution_contexts;
  v_previous copilot_internal.execution_contexts;
  v_source copilot_internal.execution_contexts;
  v_tenant record;
  v_tenant_taken integer;
  v_woken integer;
  v_refusal text;
  v_is_asleep boolean;
begin
  -- One look, as every warm call pays for it.
  select
    s.is_closed, t.is_disabled, t.sandbox_quota, t.conversation_quota, t.creates_per_minute, t.executions_per_minute,
    t.template, t.allow_internet, t.allowed_hosts
  into v_tenant
  from copilot_internal.settings s
  left join copilot_internal.tenants t on t.tenant_id = p_tenant_id;
  if v_tenant.is_closed or v_tenant.is_disabled then
    outcome := copilot_internal.refusal(p_tenant_id);
    -- Null where somebody has opened since the look.
    if outcome is not null then
      return next;
      return;
    end if;
  end if;
  p_tenant_quota := coalesce(v_tenant.sandbox_quota, p_tenant_quota);
  p_conversation_quota := coalesce(v_tenant.conversation_quota, p_conversation_quota);
  p_creates_per_minute := coalesce(v_tenant.creates_per_minute, p_creates_per_minute);
  p_executions_per_minute := coalesce(v_tenant.executions_per_minute, p_executions_per_minute);

  -- Two conditions, not one: with a subquery in it, Postgres would plan it anew for each call that is no execution's.
  if p_execution_id is not null then
    -- One that asks again, because it waits or because the answer was lost, has had its turn.
    if not exists (select from copilot_internal.open_executions o where o.id = p_execution_id) then
      expires_at := copilot_internal.take_turn(p_tenant_id, 'execution', p_executions_per_minute);
      if expires_at is not null then
        outcome := 'rate_limited';
        quota_scope := 'executions';
        quota_limit := p_executions_per_minute;
        return next;
        return;
      end if;
    end if;
  end if;

  -- Each turn sees what others have committed meanwhile, and turns end: one that finds nothing to do means that
  -- somebody else has moved the path on. The bound is for the caller's patience only; "pending" brings it back.
  for turn in 1..10 loop
    outcome := 'pending';
    v_is_asleep := false;

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
      and not (p_execution_id is not null and coalesce(greatest(c.held_until, c.fork_until) > clock_timestamp(), false))
      and copilot_internal.is_open_to(p_tenant_id, p_conversation_id, p_user_id)
    returning c.* into v_context;
    if found then
      outcome := 'reused';
      -- A touch that is lost in a crash only shortens an idle deadline, so it need not wait for the disk.
      if turn = 1 then
        perform set_config('synchronous_commit', 'off', true);
      end if;
      exit;
    end if;

    if copilot_internal.is_forbidden_to(p_tenant_id, p_conversation_id, p_user_id) then
      outcome := 'forbidden';
      exit;
    end if;

    if p_awaited_id is not null then
      select c.* into v_context
      from copilot_internal.execution_contexts c
      where c.id = p_awaited_id and c.sandbox_status = 'error' and c.error_final;
      if found then
        outcome := 'failed';
        exit;
      end if;
    end if;

    -- Whoever waits only looks, and takes no lock.
    select c.* into v_context
    from copilot_internal.execution_contexts c
    where c.tenant_id = p_tenant_id and c.conversation_id = p_conversation_id and c.path_id = p_path_id
      and c.terminated_at is null
      and case
        when c.sandbox_status = 'creating' then c.expires_at > clock_timestamp()
        else p_execution_id is not null and greatest(c.held_until, c.fork_until) > clock_timestamp()
      end;
    if found then
      if v_context.sandbox_status = 'ready' then
        v_context.expires_at := greatest(v_context.held_until, v_context.fork_until);
      elsif v_context.id = p_claim_id then
        -- The answer to this very claim was lost and its holder asks again.
        outcome := 'claimed';
      end if;
      exit;
    end if;

    -- Claims of one tenant count and insert one after the other, or a hundred at once would all find room; other
    -- tenants do not wait. Taken before any row is locked: nobody who holds a row waits for this lock.
    perform copilot_internal.lock_claims(p_tenant_id);

    -- Since we asked first.
    v_refusal := copilot_internal.refusal(p_tenant_id);
    if v_refusal is not null then
      outcome := v_refusal;
      v_context := null;
      exit;
    end if;

    update copilot_internal.execution_contexts c
    set sandbox_status = 'terminated',
        termination_reason = case c.sandbox_status when 'creating' then 'abandoned' else 'expired' end,
        terminated_at = clock_timestamp()
    where c.tenant_id = p_tenant_id and c.conversation_id = p_conversation_id and c.path_id = p_path_id
      and c.terminated_at is null and c.expires_at <= clock_timestamp()
      and (
        c.sandbox_status = 'creating' or c.expires_at + make_interval(secs => c.keep_seconds) <= clock_timestamp()
      );

    select c.* into v_context
    from copilot_internal.execution_contexts c
    where c.tenant_id = p_tenant_id and c.conversation_id = p_conversation_id and c.path_id = p_path_id
      and c.terminated_at is null;
    v_is_asleep := coalesce(v_context.sandbox_status = 'ready' and v_context.expires_at <= clock_timestamp(), false);
    -- Somebody else took the path while we waited for the lock: look again, and leave the turn to who creates.
    if found and not v_is_asleep then
      -- A context may be older than the knowledge of whose its conversation is.
      perform copilot_internal.enter_conversation(p_tenant_id, p_conversation_id, p_user_id);
      continue;
    end if;
    -- This very claim came before and has ended, its answer lost: the caller comes again with a new one.
    if exists (select from copilot_internal.execution_contexts c where c.id = p_claim_id) then
      v_context := null;
      exit;
    end if;

    v_source := null;
    if p_from_path_id is not null and not v_is_asleep then
      select c.* into v_source
      from copilot_internal.execution_contexts c
      where c.tenant_id = p_tenant_id and c.conversation_id = p_conversation_id and c.path_id = p_from_path_id
        and c.terminated_at is null and c.sandbox_status = 'ready'
        and c.expires_at + make_interval(secs => c.keep_seconds) > clock_timestamp();
      -- One that is being made, and may be a fork itself or have its first run in line, is waited for.
      if not found then
        select c.* into v_context
        from copilot_internal.execution_contexts c
        where c.tenant_id = p_tenant_id and c.conversation_id = p_conversation_id and c.path_id = p_from_path_id
          and c.terminated_at is null and c.sandbox_status = 'creating' and c.expires_at > clock_timestamp();
        exit when found;
      end if;
    end if;

    -- A ready context's place on this path is not counted: it is what the claim is for, and somebody may have taken it
    -- since we looked. Places of contexts that have ended here are.
    select q.scope, q.quota, q.taken, q.next_at, places.tenant_taken, places.woken
    into quota_scope, quota_limit, quota_count, expires_at, v_tenant_taken, v_woken
    from (
      select
        -- A source that sleeps must be woken, and takes a place as well, unless it has one still.
        case
          when v_source.expires_at <= clock_timestamp() and not coalesce(
            bool_or(not p.has_ended and p.conversation_id = p_conversation_id and p.path_id = v_source.path_id), false
          ) then 1
          else 0
        end as woken,
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
    where q.taken + places.woken >= q.quota
    limit 1;
    if found then
      -- The path's own sandbox, which lives a little longer than its context: to kill it is owed, and makes room.
      update copilot_internal.execution_contexts c
      set kill_attempted_at = clock_timestamp()
      where c.id = (
        select o.id from copilot_internal.execution_contexts o
        where o.tenant_id = p_tenant_id and o.conversation_id = p_conversation_id and o.path_id = p_path_id
          and o.termination_reason = 'expired' and o.sandbox_id is not null and o.sandbox_killed_at is null
          and o.terminated_at is not null and o.may_live_until > clock_timestamp()
          and coalesce(o.kill_attempted_at < clock_timestamp() - interval '2 seconds', true)
        limit 1
        for update skip locked
      )
      returning c.* into v_context;
      if found then
        outcome := 'evicted';
        exit;
      end if;
      -- Not where the claim would be refused all the same.
      if p_evict and quota_scope = 'conversation'
        and p_conversation_quota > (case when v_source.id is null then 0 else 1 end)
        and v_tenant_taken + v_woken <= coalesce(p_tenant_quota, v_tenant_taken + v_woken)
        and not exists (
          select from copilot_internal.rates r
          where r.tenant_id = p_tenant_id and r.kind = 'create'
            and r.spent_until + interval '1 minute' / p_creates_per_minute > clock_timestamp() + interval '1 minute'
        )
      then
        select c.* into v_context
        from copilot_internal.execution_contexts c
        where c.tenant_id = p_tenant_id and c.conversation_id = p_conversation_id and c.path_id <> p_path_id
          and c.terminated_at is null and c.sandbox_status = 'ready'
          -- Not what is to be forked, by this claim or another one.
          and c.id is distinct from v_source.id and not coalesce(c.fork_until > clock_timestamp(), false)
          -- One that sleeps has no place to give.
          and c.path_id in (
            select p.path_id from copilot_internal.places(p_tenant_id) p
            where not p.has_ended and p.conversation_id = p_conversation_id
          )
          and not exists (
            select from copilot_internal.open_executions o
            where o.tenant_id = c.tenant_id and o.conversation_id = c.conversation_id and o.path_id = c.path_id
              and o.deadline_at > clock_timestamp()
          )
          -- After a crash of the database the ledger alone knows.
          and not exists (
            select from copilot_internal.executions e
            where e.context_id = c.id and e.status = 'running' and e.deadline_at > clock_timestamp()
          )
          -- Not when one that has ended only waits to be killed: its place is free then.
          and p_conversation_quota <= v_woken + (
            select count(*) from copilot_internal.places(p_tenant_id) p
            where not p.has_ended and p.conversation_id = p_conversation_id and p.path_id <> p_path_id
          )
        order by c.last_used_at
        limit 1;
        if found then
          update copilot_internal.execution_contexts c
          set sandbox_status = 'terminated',
              termination_reason = 'evicted',
              terminated_at = clock_timestamp(),
              kill_attempted_at = clock_timestamp()
          -- Not if somebody has used it since we looked.
          where c.id = v_context.id and c.terminated_at is null and c.last_used_at = v_context.last_used_at;
          continue when not found;
          outcome := 'evicted';
          exit;
        end if;
        -- Whoever was at it is slow, or has died, or had our answer: killing twice harms nothing.
        update copilot_internal.execution_contexts c
        set kill_attempted_at = clock_timestamp()
        where c.id = (
          select o.id from copilot_internal.execution_contexts o
          where o.tenant_id = p_tenant_id and o.conversation_id = p_conversation_id and o.termination_reason = 'evicted'
            and o.terminated_at is not null and o.sandbox_killed_at is null
            and o.kill_attempted_at < clock_timestamp() - interval '2 seconds'
          limit 1
          for update skip locked
        )
        returning c.* into v_context;
        if found then
          outcome := 'evicted';
          exit;
        end if;
        -- Somebody else is at it, or was when we counted.
        exit when exists (
          select from copilot_internal.execution_contexts c
          where c.tenant_id = p_tenant_id and c.conversation_id = p_conversation_id and c.termination_reason = 'evicted'
            and c.terminated_at is not null
            and (c.sandbox_killed_at is null or c.terminated_at > clock_timestamp() - interval '5 seconds')
        );
      end if;
      outcome := 'quota_exceeded';
      return next;
      return;
    end if;

    -- To wake a sandbox is not to make one.
    if not v_is_asleep then
      expires_at := copilot_internal.take_turn(p_tenant_id, 'create', p_creates_per_minute);
    end if;
    if expires_at is not null then
      outcome := 'rate_limited';
      quota_scope := 'creates';
      quota_limit := p_creates_per_minute;
      return next;
      return;
    end if;

    -- Not before: what is refused leaves nothing behind.
    if not copilot_internal.enter_conversation(p_tenant_id, p_conversation_id, p_user_id) then
      outcome := 'forbidden';
      v_context := null;
      exit;
    end if;

    if v_is_asleep then
      update copilot_internal.execution_contexts c
      set last_used_at = clock_timestamp(),
          ttl_seconds = coalesce(p_ttl_seconds, c.ttl_seconds),
          expires_at =
            clock_timestamp() + make_interval(secs => coalesce(p_ttl_seconds, c.ttl_seconds) + p_hold_seconds)
      where c.id = v_context.id and c.terminated_at is null
        -- Since we looked: whoever has others wait takes the claims' lock for none of it.
        and not (p_execution_id is not null and coalesce(greatest(c.held_until, c.fork_until) > clock_timestamp(), false))
      returning c.* into v_context;
      continue when not found;
      outcome := 'reused';
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
      id, tenant_id, conversation_id, path_id, sandbox_status, ttl_seconds, probation_seconds, keep_seconds, expires_at,
      previous_state_id, previous_termination_reason, previous_terminated_at, forked_from_context_id, forked_from_path_id,
      lineage_id
    )
    values (
      p_claim_id, p_tenant_id, p_conversation_id, p_path_id, 'creating', coalesce(p_ttl_seconds, p_default_ttl_seconds),
      p_probation_seconds, p_keep_seconds, clock_timestamp() + make_interval(secs => p_lease_seconds),
      v_previous.state_id, v_previous.termination_reason, v_previous.terminated_at, v_source.id, v_source.path_id,
      coalesce(v_source.lineage_id, v_source.id)
    )
    on conflict do nothing
    returning c.* into v_context;
    if found then
      -- Used, and woken if it sleeps; and from here on no execution begins there. If it has just ended, the claim's holder
      -- finds that out.
      update copilot_internal.execution_contexts c
      set last_used_at = clock_timestamp(),
          expires_at = greatest(c.expires_at, clock_timestamp() + make_interval(secs => c.ttl_seconds)),
          fork_until = greatest(c.fork_until, v_context.expires_at)
      where c.id = v_source.id and c.terminated_at is null;
      if found then
        insert into copilot_internal.source_holds (claim_id, source_id, held_until)
        values (p_claim_id, v_source.id, v_context.expires_at);
      end if;
      outcome := 'claimed';
      exit;
    end if;
    -- Somebody else took the path since we looked: look again.
  end loop;

  if p_execution_id is not null and outcome not in ('failed', 'forbidden', 'closed', 'tenant_disabled') then
    -- Another one may cost the kernel before this one's turn comes, and then a higher number proves nothing.
    if outcome = 'reused' and not exists (
      select from copilot_internal.open_executions o
      where o.tenant_id = p_tenant_id and o.conversation_id = p_conversation_id and o.path_id = p_path_id
        and o.language = p_language and o.id <> p_execution_id
    ) then
      kernel_count := coalesce(
        (
          select max(e.execution_count) from copilot_internal.executions e
          where e.context_id = v_context.id and e.language = p_language
        ),
        (v_context.kernel_counts ->> p_language)::integer
      );
    end if;
    insert into copilot_internal.open_executions as o (
      id, tenant_id, conversation_id, path_id, language, name, is_waiting, asked_at, deadline_at
    )
    values (
      p_execution_id, p_tenant_id, p_conversation_id, p_path_id, p_language, p_execution_name,
      -- Whoever has claimed the path runs there next.
      outcome not in ('reused', 'claimed'),
      p_asked_at,
      clock_timestamp() + make_interval(secs => p_open_seconds)
    )
    on conflict on constraint open_executions_pkey do update
    -- The same claim, sent again, may come before the first one: whoever was told to run does.
    set is_waiting = excluded.is_waiting and (o.is_waiting or excluded.asked_at > o.asked_at),
        asked_at = excluded.asked_at,
        alive_until = excluded.alive_until
    where excluded.asked_at >= o.asked_at;
  end if;

  return query select
    outcome, v_context.id, v_context.tenant_id, v_context.conversation_id, v_context.path_id, v_context.sandbox_id,
    v_context.ttl_seconds, v_context.created_at, v_context.last_used_at, v_context.expires_at,
    v_context.expires_at + make_interval(secs => v_context.keep_seconds), v_context.state_id,
    v_context.previous_termination_reason, v_context.previous_terminated_at, v_context.forked_from_context_id,
    v_context.forked_from_path_id, v_context.error_code, v_context.error_retry_after_seconds, null::text, null::integer, null::integer,
    v_tenant.template, v_tenant.allow_internet, v_tenant.allowed_hosts,
    v_context.sandbox_deadline_at, v_context.sandbox_access, kernel_count, v_is_asleep;
end
$$;
comment on function public.copilot_claim_context(
  uuid, text, text, text, integer, integer, integer, integer, uuid, integer, integer, integer, integer, integer, uuid,
  text, integer, boolean, text, integer, text, double precision, text
) is
  'Get or claim the context of a path. reused: it is ready and has been touched; was_asleep: it slept, and has a place in the quotas again, which copilot_release_wake gives back if its sandbox does not wake. claimed: the caller must create the sandbox, and p_claim_id, now the row''s id, is its fencing token; asking again with the same one is no second claim. pending: somebody else is creating it, or what it is to be forked from, until expires_at at the latest, or, where the claim is for an execution, has those wait; or a sandbox is being killed for a place. closed: nothing new is begun for anybody. tenant_disabled: nothing is done for this tenant. forbidden: the conversation is not open to p_user_id. failed: the awaited claim ended in an error that trying again would not mend. quota_exceeded: as many sandboxes of the tenant, or of its conversation, may be alive as there may be; expires_at is when a place is free at the latest, unless it is taken. evicted: at the quota, the path''s own context had expired and its sandbox lives, or, with p_evict, the context that had been idle longest in the conversation has ended: the caller must kill its sandbox and claim again. rate_limited: the tenant has created, or executed, as often as it may in a minute; expires_at is when to come again. template, allow_internet, allowed_hosts: of the sandbox to be made, where the tenant has its own. p_keep_seconds: how long a new context may sleep. p_from_path_id: the path whose ready context''s sandbox a new one is to be a fork of; claimed with forked_from_context_id, no execution begins there until copilot_let_source_go, for a lease at most. p_asked_at: when, on the asker''s own clock. p_execution_id: of the execution that it is for, which is open from then on, for p_open_seconds at most, under p_execution_name; p_hold_seconds is added to the idle deadline for it. kernel_count, with it: the last number that the kernel of p_language gave, where no other execution is open there that could cost it; one that gives a higher number is the same.';
revoke execute on function
  public.copilot_claim_context(
    uuid, text, text, text, integer, integer, integer, integer, uuid, integer, integer, integer, integer, integer, uuid,
    text, integer, boolean, text, integer, text, double precision, text
  )
  from public, anon, authenticated;
grant execute on function
  public.copilot_claim_context(
    uuid, text, text, text, integer, integer, integer, integer, uuid, integer, integer, integer, integer, integer, uuid,
    text, integer, boolean, text, integer, text, double precision, text
  )
  to service_role;

create or replace function copilot_internal.kernel_counts_of(p_context_id uuid)
returns jsonb
-- Not in SQL, which would want the ledger's table to be there already.
language plpgsql
stable
set search_path = ''
as $$
begin
  return coalesce(
    (select c.kernel_counts from copilot_internal.execution_contexts c where c.id = p_context_id), '{}'
  ) || coalesce(
    (
      select jsonb_object_agg(counts.language, counts.count)
      from (
        select e.language, max(e.execution_count) as count
        from copilot_internal.executions e
        where e.context_id = p_context_id and e.execution_count is not null
        group by e.language
      ) counts
    ), '{}'
  );
end
$$;
comment on function copilot_internal.kernel_counts_of(uuid) is
  'The last number that each language''s kernel of a context has given.';
revoke execute on function copilot_internal.kernel_counts_of(uuid) from public, anon, authenticated;

create or replace function public.copilot_activate_context(
  p_context_id uuid,
  p_sandbox_id text,
  p_hold_seconds integer default 0,
  p_template text default null,
  p_sandbox_seconds double precision default null,
  p_sandbox_access text default null,
  p_is_fork boolean default false
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
  kept_until timestamptz,
  state_id uuid,
  previous_termination_reason text,
  previous_terminated_at timestamptz,
  forked_from_context_id uuid,
  forked_from_path_id text
)
language sql
volatile
security definer
set search_path = ''
as $$
  update copilot_internal.execution_contexts c
  set sandbox_status = 'ready',
      sandbox_id = p_sandbox_id,
      template = p_template,
      sandbox_deadline_at = greatest(c.sandbox_deadline_at, clock_timestamp() + make_interval(secs => p_sandbox_seconds)),
      sandbox_access = p_sandbox_access,
      -- One that was to be a fork and could not, because its source had ended, began empty.
      forked_from_context_id = case when p_is_fork then c.forked_from_context_id end,
      forked_from_path_id = case when p_is_fork then c.forked_from_path_id end,
      lineage_id = case when p_is_fork then c.lineage_id end,
      kernel_counts = case when p_is_fork then copilot_internal.kernel_counts_of(c.forked_from_context_id) end,
      -- Whether E2B pauses it at its deadline, or kills it, a fork has from its source.
      keep_seconds = coalesce(
        case
          when p_is_fork then (
            select s.keep_seconds from copilot_internal.execution_contexts s where s.id = c.forked_from_context_id
          )
        end,
        c.keep_seconds
      ),
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
    c.expires_at, c.expires_at + make_interval(secs => c.keep_seconds), c.state_id, c.previous_termination_reason,
    c.previous_terminated_at, c.forked_from_context_id, c.forked_from_path_id
$$;
comment on function public.copilot_activate_context(uuid, text, integer, text, double precision, text, boolean) is
  'Turns a claim into a ready context, whose sandbox was made of p_template, lives for p_sandbox_seconds from now at least, and is opened by p_sandbox_access; p_is_fork: it is a fork of the one that the claim names. Returns it. No row: the claim has ended, and the caller must kill its sandbox.';
revoke execute on function public.copilot_activate_context(uuid, text, integer, text, double precision, text, boolean) from public, anon, authenticated;
grant execute on function public.copilot_activate_context(uuid, text, integer, text, double precision, text, boolean) to service_role;

create or replace function public.copilot_note_sandbox(
  p_context_id uuid,
  p_sandbox_id text,
  p_sandbox_seconds double precision,
  p_sandbox_access text
)
returns boolean
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_context copilot_internal.execution_contexts;
begin
  select c.* into v_context
  from copilot_internal.execution_contexts c
  where c.id = p_context_id and c.sandbox_id = p_sandbox_id and c.terminated_at is null
  for update;
  if not found then
    return false;
  end if;
  if v_context.sandbox_deadline_at <= clock_timestamp() then
    -- It has slept since, and this woke it.
    perform copilot_internal.note_life(v_context, v_context.sandbox_deadline_at);
    v_context.woken_at := clock_timestamp();
  else
    -- Lost in a crash, it costs the next caller a question to E2B.
    perform set_config('synchronous_commit', 'off', true);
  end if;
  update copilot_internal.execution_contexts c
  set sandbox_deadline_at = greatest(c.sandbox_deadline_at, clock_timestamp() + make_interval(secs => p_sandbox_seconds)),
      sandbox_access = p_sandbox_access,
      woken_at = v_context.woken_at
  where c.id = p_context_id;
  return true;
end
$$;
comment on function public.copilot_note_sandbox(uuid, text, double precision, text) is
  'Notes that E2B lets a context''s sandbox run for p_sandbox_seconds from now at least, and that p_sandbox_access opens it; past its last deadline, that it has slept until now. False: the context has ended.';
revoke execute on function public.copilot_note_sandbox(uuid, text, double precision, text)
  from public, anon, authenticated;
grant execute on function public.copilot_note_sandbox(uuid, text, double precision, text) to service_role;

create or replace function public.copilot_release_wake(p_context_id uuid, p_last_used_at timestamptz)
returns boolean
language sql
volatile
security definer
set search_path = ''
as $$
  with released as (
    update copilot_internal.execution_contexts c
    -- It was wanted: from now on it is kept as long as any that falls asleep.
    set expires_at = clock_timestamp()
    where c.id = p_context_id and c.terminated_at is null and c.sandbox_status = 'ready' and c.keep_seconds > 0
      and c.last_used_at = p_last_used_at and c.sandbox_deadline_at <= clock_timestamp()
    returning 1
  )
  select exists (select from released)
$$;
comment on function public.copilot_release_wake(uuid, timestamptz) is
  'Gives back the place that a claim took at p_last_used_at for a context that slept, because its sandbox could not be woken: it sleeps on, with all that it has. False if somebody else has used it since, or it runs.';
revoke execute on function public.copilot_release_wake(uuid, timestamptz) from public, anon, authenticated;
grant execute on function public.copilot_release_wake(uuid, timestamptz) to service_role;

create or replace function public.copilot_fail_context(
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
        may_live_until = case
          when p_may_live then clock_timestamp() + make_interval(secs => c.probation_seconds)
          else timestamptz '-infinity'
        end
    where c.id = p_context_id and c.terminated_at is null and c.sandbox_status = 'creating'
    returning 1
  )
  select exists (select from failed)
$$;
comment on function public.copilot_fail_context(uuid, text, boolean, integer, boolean) is
  'Ends a claim whose sandbox could not be made, so that the path is free at once. Not p_may_live: none was made for certain, and it holds no place. False if the claim was not open.';
revoke execute on function public.copilot_fail_context(uuid, text, boolean, integer, boolean)
  from public, anon, authenticated;
grant execute on function public.copilot_fail_context(uuid, text, boolean, integer, boolean) to service_role;

create or replace function public.copilot_settle_claim(p_context_id uuid)
returns boolean
language sql
volatile
security definer
set search_path = ''
as $$
  with settled as (
    update copilot_internal.execution_contexts c
    set may_live_until = timestamptz '-infinity'
    where c.id = p_context_id and c.terminated_at is not null and c.sandbox_id is null
    returning 1
  )
  select exists (select from settled)
$$;
comment on function public.copilot_settle_claim(uuid) is
  'Notes that no sandbox of an ended claim is alive: it was killed, or none was made. Its place is free. False if there is no such claim.';
revoke execute on function public.copilot_settle_claim(uuid) from public, anon, authenticated;
grant execute on function public.copilot_settle_claim(uuid) to service_role;

-- Holding a source still. One row a call: whoever ends the contexts of a conversation locks several, in no order.

create or replace function public.copilot_keep_claim(p_context_id uuid, p_lease_seconds integer)
returns boolean
language sql
volatile
security definer
set search_path = ''
as $$
  with kept as (
    update copilot_internal.execution_contexts c
    set expires_at = greatest(c.expires_at, clock_timestamp() + make_interval(secs => p_lease_seconds))
    where c.id = p_context_id and c.terminated_at is null and c.sandbox_status = 'creating'
    returning 1
  )
  select exists (select from kept)
$$;
comment on function public.copilot_keep_claim(uuid, integer) is
  'Moves the end of a claim''s lease, while its holder waits for the source of its fork. False: the claim has ended.';
revoke execute on function public.copilot_keep_claim(uuid, integer) from public, anon, authenticated;
grant execute on function public.copilot_keep_claim(uuid, integer) to service_role;

create or replace function public.copilot_hold_source(p_context_id uuid, p_lease_seconds integer)
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
  kept_until timestamptz,
  state_id uuid,
  previous_termination_reason text,
  previous_terminated_at timestamptz,
  forked_from_context_id uuid,
  forked_from_path_id text,
  template text
)
language plpgsql
volatile
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_source copilot_internal.execution_contexts;
begin
  -- Every claim for an execution locks this row: those before us have left their execution's row, those after us wait.
  update copilot_internal.execution_contexts c
  set fork_until = greatest(c.fork_until, clock_timestamp() + make_interval(secs => p_lease_seconds)),
      -- It is about to be connected to, which has it run: it must not count as asleep, or due, in the middle of it.
      expires_at = greatest(c.expires_at, clock_timestamp() + make_interval(secs => p_lease_seconds))
  where c.id = (
      select f.forked_from_context_id from copilot_internal.execution_contexts f
      where f.id = p_context_id and f.terminated_at is null and f.sandbox_status = 'creating'
    )
    and c.terminated_at is null
  returning c.* into v_source;
  if not found then
    return;
  end if;
  insert into copilot_internal.source_holds (claim_id, source_id, held_until)
  values (p_context_id, v_source.id, clock_timestamp() + make_interval(secs => p_lease_seconds))
  on conflict on constraint source_holds_pkey do update set held_until = excluded.held_until;
  outcome := case
    when exists (
      select from copilot_internal.open_executions o
      where o.tenant_id = v_source.tenant_id and o.conversation_id = v_source.conversation_id
        and o.path_id = v_source.path_id and o.alive_until > clock_timestamp()
        -- Those that wait do so for this, perhaps.
        and not o.is_waiting
    ) then 'running'
    else 'still'
  end;
  return query select
    outcome, v_source.id, v_source.tenant_id, v_source.conversation_id, v_source.path_id, v_source.sandbox_id,
    v_source.ttl_seconds, v_source.created_at, v_source.last_used_at, v_source.expires_at,
    v_source.expires_at + make_interval(secs => v_source.keep_seconds), v_source.state_id,
    v_source.previous_termination_reason, v_source.previous_terminated_at, v_source.forked_from_context_id,
    v_source.forked_from_path_id, v_source.template;
end
$$;
comment on function public.copilot_hold_source(uuid, integer) is
  'The context that a claim is to be forked from, where no execution begins for p_lease_seconds from now on, and which stays awake for as long. still: none is open there, and it may be forked. running: one is; ask again. No row: it has ended, or the claim has.';
revoke execute on function public.copilot_hold_source(uuid, integer) from public, anon, authenticated;
grant execute on function public.copilot_hold_source(uuid, integer) to service_role;

create or replace function public.copilot_let_source_go(p_context_id uuid, p_source_id uuid)
returns boolean
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  -- First, and in a statement of its own: of two forks that come to their end at once, the later one sees the other's.
  perform from copilot_internal.execution_contexts c where c.id = p_source_id and c.terminated_at is null for update;
  delete from copilot_internal.source_holds h where h.claim_id = p_context_id;
  update copilot_internal.execution_contexts c
  set fork_until = (select max(h.held_until) from copilot_internal.source_holds h where h.source_id = p_source_id)
  where c.id = p_source_id and c.terminated_at is null;
  return found;
end
$$;
comment on function public.copilot_let_source_go(uuid, uuid) is
  'Lets executions begin again in a context that a claim has been forked from, or could not be; as long as other claims'' holders have not said so, it is held for these, for their leases. False: it has ended.';
revoke execute on function public.copilot_let_source_go(uuid, uuid) from public, anon, authenticated;
grant execute on function public.copilot_let_source_go(uuid, uuid) to service_role;
