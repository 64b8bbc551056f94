-- Stopping executions by name: whoever asks leaves a note, and the process that runs them reads it within a second. So it
-- works from any process, for runs whose caller the platform does not say has left, and for those that outlive theirs.

create or replace function public.copilot_stop_executions(
  p_tenant_id text,
  p_conversation_id text,
  p_path_id text default null,
  p_execution_id uuid default null,
  p_idempotency_key text default null,
  p_user_id text default null,
  p_name text default null
)
returns integer
language sql
volatile
security definer
set search_path = ''
as $$
  with keys as (
    -- Also of a process that has died before it sent the code: nobody must take it over.
    update copilot_internal.idempotency_keys k
    set stopped_at = coalesce(k.stopped_at, clock_timestamp())
    where k.tenant_id = p_tenant_id and k.conversation_id = p_conversation_id
      and (p_path_id is null or k.path_id = p_path_id)
      and k.answer is null and p_name is null
      and copilot_internal.is_open_to(p_tenant_id, p_conversation_id, p_user_id)
      and (p_execution_id is null or k.execution_id = p_execution_id)
      and (p_idempotency_key is null or k.idempotency_key = p_idempotency_key)
    returning k.execution_id, k.alive_until
  ),
  open as (
    update copilot_internal.open_executions o
    set stop_requested_at = coalesce(o.stop_requested_at, clock_timestamp())
    where o.tenant_id = p_tenant_id and o.conversation_id = p_conversation_id
      and (p_path_id is null or o.path_id = p_path_id)
      and o.deadline_at > clock_timestamp()
      and copilot_internal.is_open_to(p_tenant_id, p_conversation_id, p_user_id)
      and (p_execution_id is null or o.id = p_execution_id)
      and (p_name is null or o.name = p_name)
      and (
        p_idempotency_key is null
        or o.id in (
          select k.execution_id from copilot_internal.idempotency_keys k
          where k.tenant_id = p_tenant_id and k.conversation_id = p_conversation_id
            and k.idempotency_key = p_idempotency_key
        )
      )
    returning o.id
  )
  select count(*)::integer
  from (
    select k.execution_id from keys k where k.alive_until > clock_timestamp()
    union
    select o.id from open o
  ) stopped
$$;
comment on function public.copilot_stop_executions(text, text, text, uuid, text, text, text) is
  'Asks for the end of one execution of a path, or, without one, of a conversation, by its id, its idempotency key or its name, or of all that are open there. Says how many there are, none where the conversation is not open to p_user_id; those that are being stopped already count, too.';
revoke execute on function public.copilot_stop_executions(text, text, text, uuid, text, text, text)
  from public, anon, authenticated;
grant execute on function public.copilot_stop_executions(text, text, text, uuid, text, text, text) to service_role;

create or replace function public.copilot_stopped_executions(p_execution_ids uuid[])
returns setof uuid
language sql
volatile
security definer
set search_path = ''
as $$
  -- A crash of the database has emptied the table, and the ledger knows.
  insert into copilot_internal.open_executions (
    id, tenant_id, conversation_id, path_id, language, is_waiting, asked_at, deadline_at
  )
  select e.id, e.tenant_id, e.conversation_id, e.path_id, e.language, false, 0, e.deadline_at
  from copilot_internal.executions e
  where e.id = any (p_execution_ids) and e.status = 'running' and e.deadline_at > clock_timestamp()
    and not exists (select from copilot_internal.open_executions o where o.id = e.id)
  on conflict do nothing;
  update copilot_internal.open_executions o
  set alive_until = clock_timestamp() + interval '20 seconds'
  where o.id = any (p_execution_ids);
  select o.id from copilot_internal.open_executions o
  where o.id = any (p_execution_ids) and o.stop_requested_at is not null
  union
  -- Stopped before it was open, or at the same time.
  select k.execution_id from copilot_internal.idempotency_keys k
  where k.execution_id = any (p_execution_ids) and k.stopped_at is not null
$$;
comment on function public.copilot_stopped_executions(uuid[]) is
  'Of these executions, those that somebody has asked to stop. Whoever asks runs them, and is alive for twenty seconds more.';
revoke execute on function public.copilot_stopped_executions(uuid[]) from public, anon, authenticated;
grant execute on function public.copilot_stopped_executions(uuid[]) to service_role;

-- An interrupt hits whatever its kernel runs when it comes. So it is sent only while nothing else can have begun.

create or replace function public.copilot_hold_kernel(
  p_execution_id uuid,
  p_context_id uuid,
  p_language text,
  p_hold_ms integer
)
returns timestamptz
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_context copilot_internal.execution_contexts;
  v_held_until timestamptz;
begin
  -- Every claim for an execution locks this row: those before us have left their execution's row, those after us wait.
  select c.* into v_context
  from copilot_internal.execution_contexts c
  where c.id = p_context_id and c.terminated_at is null
  for update;
  if not found then
    return null;
  end if;
  -- The answer to this very hold was lost.
  if v_context.held_until > clock_timestamp() and v_context.held_by = p_execution_id then
    return v_context.held_until;
  end if;
  if v_context.held_until > clock_timestamp()
    -- A crash of the database has emptied the table: nobody knows who else is there.
    or not exists (select from copilot_internal.open_executions o where o.id = p_execution_id)
    or exists (
    select from copilot_internal.open_executions o
    where o.tenant_id = v_context.tenant_id and o.conversation_id = v_context.conversation_id
      and o.path_id = v_context.path_id and o.language = p_language
      and o.id <> p_execution_id and o.deadline_at > clock_timestamp()
  ) then
    return null;
  end if;
  update copilot_internal.execution_contexts c
  set held_until = clock_timestamp() + make_interval(secs => p_hold_ms / 1000.0),
      held_by = p_execution_id
  where c.id = p_context_id
  returning c.held_until into v_held_until;
  return v_held_until;
end
$$;
comment on function public.copilot_hold_kernel(uuid, uuid, text, integer) is
  'Has new executions on a context wait for up to p_hold_ms, so that the one execution of this language which is open there can be interrupted and no other. Returns until when; null if another is open, or somebody else has them wait.';
revoke execute on function public.copilot_hold_kernel(uuid, uuid, text, integer) from public, anon, authenticated;
grant execute on function public.copilot_hold_kernel(uuid, uuid, text, integer) to service_role;

create or replace function public.copilot_release_kernel(p_context_id uuid, p_held_until timestamptz)
returns boolean
language sql
volatile
security definer
set search_path = ''
as $$
  with released as (
    update copilot_internal.execution_contexts c
    set held_until = null, held_by = null
    where c.id = p_context_id and c.held_until = p_held_until
    returning 1
  )
  select exists (select from released)
$$;
comment on function public.copilot_release_kernel(uuid, timestamptz) is
  'Ends a hold before its time. False if it was over.';
revoke execute on function public.copilot_release_kernel(uuid, timestamptz) from public, anon, authenticated;
grant execute on function public.copilot_release_kernel(uuid, timestamptz) to service_role;
