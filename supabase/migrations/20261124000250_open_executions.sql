-- Executions that have been asked for and are not over: in line for their sandbox, in line for their kernel, running.
-- The ledger has an execution from its kernel's first word on; whoever wants to stop one, or to know that a path is at
-- rest, needs to know of it from its claim on.

-- Unlogged, as each execution writes here twice. What a crash of the database forgets cannot be stopped by name, runs to
-- its time limit, and is not interrupted by Jupyter.
create unlogged table if not exists copilot_internal.open_executions (
  id uuid primary key,
  tenant_id text not null,
  conversation_id text not null,
  path_id text not null,
  language text not null,
  name text,
  is_waiting boolean not null,
  asked_at double precision not null,
  alive_until timestamptz not null default clock_timestamp() + interval '20 seconds',
  deadline_at timestamptz not null,
  stop_requested_at timestamptz
);
comment on table copilot_internal.open_executions is
  'Executions from the claim on their context to their end.';
comment on column copilot_internal.open_executions.name is
  'What its caller calls it, to stop it without knowing its path: an agent''s request. Null: nothing.';
comment on column copilot_internal.open_executions.is_waiting is
  'It waits for its path, so none of its code runs: others may have it wait.';
comment on column copilot_internal.open_executions.asked_at is
  'When its claim was asked for that says so, on the clock of its process.';
comment on column copilot_internal.open_executions.alive_until is
  'Until then its process is taken to be alive. It says so every second, when it asks who is to be stopped.';
comment on column copilot_internal.open_executions.deadline_at is
  'By then its request is over, or its process has died.';
comment on column copilot_internal.open_executions.stop_requested_at is
  'When somebody asked to stop it. The process that runs it asks for this every second.';
alter table copilot_internal.open_executions enable row level security;

create index if not exists idx_open_executions_path
  on copilot_internal.open_executions (tenant_id, conversation_id, path_id);
comment on index copilot_internal.idx_open_executions_path is 'What is open on a path.';

-- Who holds a context still, so that its sandbox can be forked: each claim for itself, as one that has ended may have a
-- holder who does not know it yet, and is about to fork.
create table if not exists copilot_internal.source_holds (
  claim_id uuid primary key,
  source_id uuid not null,
  held_until timestamptz not null
);
comment on table copilot_internal.source_holds is
  'Claims that are to be forked from a context, until their holder has forked, or given up. The latest held_until is the context''s fork_until.';
alter table copilot_internal.source_holds enable row level security;

create index if not exists idx_source_holds_source
  on copilot_internal.source_holds (source_id);
comment on index copilot_internal.idx_source_holds_source is 'Who else holds a source.';

create or replace function public.copilot_close_execution(p_execution_id uuid)
returns boolean
language sql
volatile
security definer
set search_path = ''
as $$
  with closed as (
    delete from copilot_internal.open_executions o
    where o.id = p_execution_id
    returning 1
  )
  select exists (select from closed)
$$;
comment on function public.copilot_close_execution(uuid) is
  'Notes that an execution which the kernel never began is over. False if it was not open.';
revoke execute on function public.copilot_close_execution(uuid) from public, anon, authenticated;
grant execute on function public.copilot_close_execution(uuid) to service_role;
