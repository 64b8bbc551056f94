-- The ledger: what ran, and for how long. No code and no output, so it may be kept for long.

create table if not exists copilot_internal.executions (
  id uuid primary key,
  -- No foreign keys here: ended contexts are deleted after a week, the ledger much later.
  context_id uuid not null,
  tenant_id text not null,
  conversation_id text not null,
  path_id text not null,
  language text not null,
  status text not null default 'running',
  started_at timestamptz not null default clock_timestamp(),
  deadline_at timestamptz not null,
  finished_at timestamptz,
  execution_count integer,
  duration_ms integer,
  output_bytes bigint,
  error_name text,
  constraint executions_status_check
    check (status in ('running', 'ok', 'error', 'timed_out', 'output_limit', 'cancelled', 'cut_off', 'lost')),
  constraint executions_running_or_finished check ((status = 'running') = (finished_at is null))
);
comment on table copilot_internal.executions is
  'The ledger of executions: one row each, from the moment at which the kernel began.';
comment on column copilot_internal.executions.status is
  'output_limit: it said more than is read of a run, and was interrupted. cancelled: it was stopped, or its caller went away. cut_off: the function''s worker had to end. lost: nobody knows how it ended, because the connection or the function''s process broke.';
comment on column copilot_internal.executions.deadline_at is
  'By then whoever runs it has noted its end, or has died.';
comment on column copilot_internal.executions.execution_count is
  'Its number, as its kernel counts: a new one starts anew. Null when it was not noted, or that kernel is known to be gone.';
comment on column copilot_internal.executions.output_bytes is
  'How much the code said on stdout and stderr and in results, what was left out of the answer included, and what came after the limit not.';
comment on column copilot_internal.executions.error_name is
  'The class of the exception that ended it; null without one.';
alter table copilot_internal.executions enable row level security;

create index if not exists idx_executions_tenant
  on copilot_internal.executions (tenant_id, started_at);
comment on index copilot_internal.idx_executions_tenant is 'Usage of a tenant in a span of days.';
create index if not exists idx_executions_context
  on copilot_internal.executions (context_id, started_at);
comment on index copilot_internal.idx_executions_context is 'What ran last in a context.';
create index if not exists idx_executions_count
  on copilot_internal.executions (context_id, language, execution_count)
  where execution_count is not null;
comment on index copilot_internal.idx_executions_count is 'Whether a kernel gives a number that was given before.';
create index if not exists idx_executions_running
  on copilot_internal.executions (deadline_at)
  where status = 'running';
comment on index copilot_internal.idx_executions_running is 'Finds those whose process died.';
create index if not exists idx_executions_lost
  on copilot_internal.executions (finished_at)
  where status = 'lost';
comment on index copilot_internal.idx_executions_lost is 'How many were lost of late.';
create index if not exists idx_executions_age
  on copilot_internal.executions (started_at);
comment on index copilot_internal.idx_executions_age is 'Usage of all tenants, and clean-up.';

create or replace function copilot_internal.note_if_kernel_is_new(
  p_context_id uuid,
  p_language text,
  p_execution_id uuid,
  p_execution_count integer,
  p_claimed_at timestamptz,
  p_began timestamptz
)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
begin
  -- Twice: two that begin in the new kernel find it so at the same time, and one of them notes it.
  for look in 1..2 loop
    if not exists (
      select from copilot_internal.executions e
      where e.context_id = p_context_id and e.language = p_language and e.id <> p_execution_id
        and e.execution_count >= p_execution_count and e.started_at <= p_began
        -- No kernel gives a number twice, and what was over before this one was asked for has a lower one. Any other higher one
        -- may be that of a later execution, noted before this one.
        and (
          e.execution_count = p_execution_count
          or e.finished_at < p_claimed_at
          or e.started_at < p_began - interval '1 minute'
        )
    )
    -- A fork's goes on where its source's was.
    and not exists (
      select from copilot_internal.execution_contexts c
      where c.id = p_context_id and (c.kernel_counts ->> p_language)::integer >= p_execution_count
    ) then
      return false;
    end if;
    perform from copilot_internal.execution_contexts c where c.id = p_context_id for update;
  end loop;
  update copilot_internal.executions e
  set execution_count = null
  where e.context_id = p_context_id and e.language = p_language and e.id <> p_execution_id
    and e.execution_count is not null;
  update copilot_internal.execution_contexts c
  set state_id = gen_random_uuid(),
      kernel_counts = c.kernel_counts - p_language,
      previous_state_id = c.state_id,
      previous_termination_reason = 'kernel_restarted',
      previous_terminated_at = p_began
  where c.id = p_context_id and c.terminated_at is null;
  return true;
end
$$;
comment on function copilot_internal.note_if_kernel_is_new(uuid, text, uuid, integer, timestamptz, timestamptz) is
  'Whether the kernel that gives an execution the number p_execution_count is not the one that gave those before it theirs: then it was restarted, which is noted. Nobody may have: it died between two executions, or its caller''s process did.';
revoke execute on function copilot_internal.note_if_kernel_is_new(uuid, text, uuid, integer, timestamptz, timestamptz)
  from public, anon, authenticated;

create or replace function public.copilot_start_execution(
  p_execution_id uuid,
  p_context_id uuid,
  p_language text,
  p_limit_ms integer,
  p_elapsed_ms integer default 0,
  p_execution_count integer default null,
  p_claimed_at timestamptz default null
)
returns table (state_id uuid, previous_termination_reason text, previous_terminated_at timestamptz)
language plpgsql
volatile
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_began timestamptz := clock_timestamp() - make_interval(secs => p_elapsed_ms / 1000.0);
begin
  insert into copilot_internal.executions (
    id, context_id, tenant_id, conversation_id, path_id, language, execution_count, started_at, deadline_at
  )
  select
    p_execution_id, c.id, c.tenant_id, c.conversation_id, c.path_id, p_language, p_execution_count,
    v_began, v_began + make_interval(secs => p_limit_ms / 1000.0)
  from copilot_internal.execution_contexts c
  where c.id = p_context_id
  on conflict do nothing;

  if found then
    perform copilot_internal.note_if_kernel_is_new(
      p_context_id, p_language, p_execution_id, p_execution_count, p_claimed_at, v_began
    );
  end if;

  return query
  select c.state_id, c.previous_termination_reason, c.previous_terminated_at
  from copilot_internal.execution_contexts c
  join copilot_internal.executions e on e.id = p_execution_id
  where c.id = p_context_id and c.previous_terminated_at <= e.started_at;
end
$$;
comment on function public.copilot_start_execution(uuid, uuid, text, integer, integer, integer, timestamptz) is
  'Notes that the kernel of a context began an execution p_elapsed_ms ago, whose end will be noted within p_limit_ms from then. A kernel whose p_execution_count has started anew was restarted, which is noted; what had ended by p_claimed_at, when its context was claimed for it, has lower numbers. Answers how variables were lost there before, if they were. May be asked for again.';
revoke execute on function public.copilot_start_execution(uuid, uuid, text, integer, integer, integer, timestamptz)
  from public, anon, authenticated;
grant execute on function public.copilot_start_execution(uuid, uuid, text, integer, integer, integer, timestamptz) to service_role;

create or replace function public.copilot_kernel_state(
  p_execution_id uuid,
  p_context_id uuid,
  p_language text,
  p_execution_count integer default null,
  p_claimed_at timestamptz default null,
  p_elapsed_ms integer default 0
)
returns table (state_id uuid, previous_termination_reason text, previous_terminated_at timestamptz)
language plpgsql
volatile
security definer
set search_path = ''
as $$
#variable_conflict use_column
begin
  -- As of the question, not of now: whoever has begun in the new kernel since then has found it so.
  perform copilot_internal.note_if_kernel_is_new(
    p_context_id, p_language, p_execution_id, p_execution_count, p_claimed_at,
    clock_timestamp() - make_interval(secs => p_elapsed_ms / 1000.0)
  );
  return query
  select c.state_id, c.previous_termination_reason, c.previous_terminated_at
  from copilot_internal.execution_contexts c
  where c.id = p_context_id and c.terminated_at is null;
end
$$;
comment on function public.copilot_kernel_state(uuid, uuid, text, integer, timestamptz, integer) is
  'What variables there are, before an execution is sent to its kernel, which has counted to p_execution_count, if it said so when it was asked p_elapsed_ms ago, on from what had ended by p_claimed_at. No row: the context has ended.';
revoke execute on function public.copilot_kernel_state(uuid, uuid, text, integer, timestamptz, integer) from public, anon, authenticated;
grant execute on function public.copilot_kernel_state(uuid, uuid, text, integer, timestamptz, integer) to service_role;

create or replace function public.copilot_finish_execution(
  p_execution_id uuid,
  p_context_id uuid,
  p_language text,
  p_status text,
  p_duration_ms integer,
  p_output_bytes bigint,
  p_error_name text default null
)
returns boolean
language sql
volatile
security definer
set search_path = ''
as $$
  delete from copilot_internal.open_executions o where o.id = p_execution_id;
  with finished as (
    insert into copilot_internal.executions as e (
      id, context_id, tenant_id, conversation_id, path_id, language,
      status, started_at, deadline_at, finished_at, duration_ms, output_bytes, error_name
    )
    select
      p_execution_id, c.id, c.tenant_id, c.conversation_id, c.path_id, p_language,
      p_status, clock_timestamp() - make_interval(secs => p_duration_ms / 1000.0), clock_timestamp(), clock_timestamp(),
      p_duration_ms, p_output_bytes, p_error_name
    from copilot_internal.execution_contexts c
    where c.id = p_context_id
    on conflict (id) do update
    set status = excluded.status,
        finished_at = excluded.finished_at,
        duration_ms = excluded.duration_ms,
        output_bytes = excluded.output_bytes,
        error_name = excluded.error_name
    returning 1
  )
  select exists (select from finished)
$$;
comment on function public.copilot_finish_execution(uuid, uuid, text, text, integer, bigint, text) is
  'Notes how an execution ended that the kernel had begun. May be asked for again.';
revoke execute on function public.copilot_finish_execution(uuid, uuid, text, text, integer, bigint, text)
  from public, anon, authenticated;
grant execute on function public.copilot_finish_execution(uuid, uuid, text, text, integer, bigint, text) to service_role;

create or replace function public.copilot_is_kernel_in_use(
  p_execution_id uuid,
  p_context_id uuid,
  p_language text,
  p_within_ms integer
)
returns boolean
language sql
stable
security definer
set search_path = ''
as $$
  select exists (
    select from copilot_internal.executions e
    where e.context_id = p_context_id and e.language = p_language and e.id <> p_execution_id
      and (
        e.started_at > clock_timestamp() - make_interval(secs => p_within_ms / 1000.0)
        or (
          e.status = 'running' and e.deadline_at > clock_timestamp()
          -- A kernel runs one execution at a time: when this one had begun, those before it were over.
          and not exists (select from copilot_internal.executions o where o.id = p_execution_id)
        )
      )
  )
$$;
comment on function public.copilot_is_kernel_in_use(uuid, uuid, text, integer) is
  'Whether a context''s kernel of a language serves another execution than this one: it has begun one in the last p_within_ms, or is running one whose request is alive. If not, and it does not answer, it is stuck.';
revoke execute on function public.copilot_is_kernel_in_use(uuid, uuid, text, integer) from public, anon, authenticated;
grant execute on function public.copilot_is_kernel_in_use(uuid, uuid, text, integer) to service_role;

create or replace function public.copilot_note_kernel_restart(
  p_execution_id uuid,
  p_context_id uuid,
  p_language text
)
returns uuid
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_state_id uuid;
begin
  -- The execution that came next in the new kernel may have noted it. Its variables must not be called lost.
  select c.state_id into v_state_id
  from copilot_internal.executions e
  join copilot_internal.execution_contexts c on c.id = e.context_id
  where e.id = p_execution_id and e.execution_count is null
    and c.previous_termination_reason = 'kernel_restarted' and c.previous_terminated_at > e.started_at;
  if found then
    return v_state_id;
  end if;

  update copilot_internal.executions e
  set execution_count = null
  where e.context_id = p_context_id and e.language = p_language and e.execution_count is not null
    and e.started_at <= coalesce(
      (select o.started_at from copilot_internal.executions o where o.id = p_execution_id),
      clock_timestamp()
    );
  update copilot_internal.execution_contexts c
  set state_id = gen_random_uuid(),
      kernel_counts = c.kernel_counts - p_language,
      previous_state_id = c.state_id,
      previous_termination_reason = 'kernel_restarted',
      previous_terminated_at = clock_timestamp()
  where c.id = p_context_id and c.terminated_at is null
  returning c.state_id into v_state_id;
  return v_state_id;
end
$$;
comment on function public.copilot_note_kernel_restart(uuid, uuid, text) is
  'Notes that the kernel of a context was restarted because of an execution, or is about to be, and its variables are gone: every later caller is told. Returns the state id of those to come; null if the context has ended.';
revoke execute on function public.copilot_note_kernel_restart(uuid, uuid, text) from public, anon, authenticated;
grant execute on function public.copilot_note_kernel_restart(uuid, uuid, text) to service_role;

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
  delete from copilot_internal.open_executions o where o.deadline_at <= clock_timestamp();
  delete from copilot_internal.source_holds h where h.held_until <= clock_timestamp();
  return next;
end
$$;
comment on function copilot_internal.retire_lost_executions() is
  'Marks executions whose process has died before it noted their end as lost, which are open no more. Says how many.';
revoke execute on function copilot_internal.retire_lost_executions() from public, anon, authenticated;
