-- What was used: executions, and how long sandboxes ran, which is what E2B bills. While one is paused it costs nothing.

create table if not exists copilot_internal.sandbox_lives (
  context_id uuid not null,
  tenant_id text not null,
  conversation_id text not null,
  path_id text not null,
  started_at timestamptz not null,
  ended_at timestamptz not null,
  primary key (context_id, started_at),
  constraint sandbox_lives_order check (ended_at >= started_at)
);
comment on table copilot_internal.sandbox_lives is
  'When the sandbox of each context ran: what E2B bills. Each sleep ends one row. The time since an active context woke last is counted from its own row.';
alter table copilot_internal.sandbox_lives enable row level security;

create index if not exists idx_sandbox_lives_tenant
  on copilot_internal.sandbox_lives (tenant_id, ended_at);
comment on index copilot_internal.idx_sandbox_lives_tenant is 'Usage of a tenant in a span of days.';
create index if not exists idx_sandbox_lives_age
  on copilot_internal.sandbox_lives (ended_at);
comment on index copilot_internal.idx_sandbox_lives_age is 'Usage of all tenants, and clean-up.';

create or replace function copilot_internal.note_life(
  p_context copilot_internal.execution_contexts,
  p_ended_at timestamptz
)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  insert into copilot_internal.sandbox_lives as l (
    context_id, tenant_id, conversation_id, path_id, started_at, ended_at
  )
  values (
    p_context.id, p_context.tenant_id, p_context.conversation_id, p_context.path_id,
    coalesce(p_context.woken_at, p_context.activated_at),
    greatest(coalesce(p_context.woken_at, p_context.activated_at), p_ended_at)
  )
  on conflict (context_id, started_at) do update set ended_at = excluded.ended_at;
end
$$;
comment on function copilot_internal.note_life(copilot_internal.execution_contexts, timestamptz) is
  'Notes that a context''s sandbox ran from when it was made, or woke last, until p_ended_at.';
revoke execute on function copilot_internal.note_life(copilot_internal.execution_contexts, timestamptz)
  from public, anon, authenticated;

create or replace function copilot_internal.note_last_life()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  perform copilot_internal.note_life(
    new,
    -- E2B ends a sandbox at its own deadline, or pauses it then, however late we notice.
    least(coalesce(new.sandbox_killed_at, new.terminated_at), coalesce(new.sandbox_deadline_at, new.expires_at))
  );
  return null;
end
$$;
comment on function copilot_internal.note_last_life() is
  'Notes until when a context''s sandbox ran when the context ends, and again when the kill is confirmed.';
revoke execute on function copilot_internal.note_last_life() from public, anon, authenticated;

-- Of these columns, so that a touch does not so much as look at it.
drop trigger if exists note_last_life on copilot_internal.execution_contexts;
create trigger note_last_life
  after update of terminated_at, sandbox_killed_at on copilot_internal.execution_contexts
  for each row
  when (new.terminated_at is not null and new.activated_at is not null)
  execute function copilot_internal.note_last_life();

create or replace function public.copilot_execution_usage(
  p_from date,
  p_to date,
  p_tenant_id text default null,
  p_conversation_id text default null,
  p_user_id text default null
)
returns table (
  tenant_id text,
  conversation_id text,
  day date,
  executions bigint,
  execution_seconds numeric,
  output_bytes bigint,
  sandbox_seconds numeric
)
-- Not in SQL, whose plans are made for any tenant and any span, and so read them all.
language plpgsql
stable
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_begins timestamptz := p_from::timestamp at time zone 'UTC';
  v_ends timestamptz := (p_to + 1)::timestamp at time zone 'UTC';
begin
  return query
  with own as (
    select v.tenant_id, v.conversation_id from copilot_internal.conversations v where v.user_id = p_user_id
  ),
  lives as (
    select l.tenant_id, l.conversation_id, l.started_at, l.ended_at
    from copilot_internal.sandbox_lives l
    where l.ended_at > v_begins and l.started_at < v_ends
    union all
    select
      c.tenant_id, c.conversation_id, coalesce(c.woken_at, c.activated_at),
      greatest(
        coalesce(c.woken_at, c.activated_at),
        least(statement_timestamp(), coalesce(c.sandbox_deadline_at, c.expires_at))
      )
    from copilot_internal.execution_contexts c
    where c.terminated_at is null and c.activated_at is not null
  ),
  days as (
    select
      p_from + n as day,
      (p_from + n)::timestamp at time zone 'UTC' as begins,
      (p_from + n + 1)::timestamp at time zone 'UTC' as ends
    from generate_series(0, p_to - p_from) n
  ),
  lived as (
    select
      l.tenant_id, l.conversation_id, d.day,
      -- A life that spans midnight counts for either day.
      sum(extract(epoch from least(l.ended_at, d.ends) - greatest(l.started_at, d.begins))) as sandbox_seconds
    from lives l
    join days d on l.ended_at > d.begins and l.started_at < d.ends
    where (p_tenant_id is null or l.tenant_id = p_tenant_id)
      and (p_conversation_id is null or l.conversation_id = p_conversation_id)
      and (p_user_id is null or (l.tenant_id, l.conversation_id) in (select o.tenant_id, o.conversation_id from own o))
    group by l.tenant_id, l.conversation_id, d.day
  ),
  ran as (
    select
      e.tenant_id, e.conversation_id, (e.started_at at time zone 'UTC')::date as day,
      count(*) as executions,
      coalesce(sum(e.duration_ms), 0) / 1000.0 as execution_seconds,
      coalesce(sum(e.output_bytes), 0)::bigint as output_bytes
    from copilot_internal.executions e
    where e.started_at >= v_begins and e.started_at < v_ends
      and (p_tenant_id is null or e.tenant_id = p_tenant_id)
      and (p_conversation_id is null or e.conversation_id = p_conversation_id)
      and (p_user_id is null or (e.tenant_id, e.conversation_id) in (select o.tenant_id, o.conversation_id from own o))
    group by 1, 2, 3
  )
  select
    coalesce(r.tenant_id, l.tenant_id), coalesce(r.conversation_id, l.conversation_id), coalesce(r.day, l.day),
    coalesce(r.executions, 0), coalesce(r.execution_seconds, 0), coalesce(r.output_bytes, 0),
    coalesce(l.sandbox_seconds, 0)
  from ran r
  full join lived l
    on l.tenant_id = r.tenant_id and l.conversation_id = r.conversation_id and l.day = r.day
  order by 1, 2, 3;
end
$$;
comment on function public.copilot_execution_usage(date, date, text, text, text) is
  'What was used from one day (UTC) to another, both included, by tenant, conversation and day: executions, the seconds they took, the bytes they said, and the seconds that sandboxes ran. All tenants, or one; all its conversations, one, or those of a user.';
revoke execute on function public.copilot_execution_usage(date, date, text, text, text) from public, anon, authenticated;
grant execute on function public.copilot_execution_usage(date, date, text, text, text) to service_role;
