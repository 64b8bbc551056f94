-- A context's states, and the CHECK that ties them to its timestamps. The row is written before E2B is asked for a
-- sandbox, so a claim has none yet.

alter table copilot_internal.execution_contexts
  alter column sandbox_id drop not null,
  alter column sandbox_status drop default,
  alter column expires_at drop default,
  alter column created_at set default clock_timestamp(),
  alter column last_used_at set default clock_timestamp(),
  add column if not exists ttl_seconds integer not null default 1800,
  add column if not exists activated_at timestamptz,
  add column if not exists termination_reason text,
  add column if not exists error_code text,
  add column if not exists error_final boolean,
  add column if not exists error_retry_after_seconds integer,
  add column if not exists sandbox_killed_at timestamptz,
  add column if not exists kill_attempted_at timestamptz,
  add column if not exists probation_seconds integer not null default 90,
  add column if not exists may_live_until timestamptz,
  add column if not exists previous_termination_reason text,
  add column if not exists previous_terminated_at timestamptz,
  add column if not exists previous_state_id uuid,
  add column if not exists state_id uuid not null default gen_random_uuid(),
  add column if not exists held_until timestamptz,
  add column if not exists held_by uuid,
  add column if not exists template text,
  add column if not exists sandbox_deadline_at timestamptz,
  add column if not exists sandbox_access text,
  add column if not exists keep_seconds integer not null default 0,
  add column if not exists woken_at timestamptz,
  add column if not exists forked_from_context_id uuid,
  add column if not exists forked_from_path_id text,
  add column if not exists lineage_id uuid,
  add column if not exists kernel_counts jsonb,
  add column if not exists fork_until timestamptz;

comment on column copilot_internal.execution_contexts.sandbox_status is
  'creating: a claim, no sandbox yet. ready: has its sandbox. error: the sandbox could not be made. terminated: ended.';
comment on column copilot_internal.execution_contexts.ttl_seconds is
  'How long the context may stand idle.';
comment on column copilot_internal.execution_contexts.expires_at is
  'While creating, the end of the claim''s lease; when ready, the idle deadline: past it the context is asleep, for keep_seconds, or due.';
comment on column copilot_internal.execution_contexts.activated_at is
  'When the claim became ready; null if it never did, and then no variable was ever kept here.';
comment on column copilot_internal.execution_contexts.termination_reason is
  'terminated: asked for. expired: idle, and asleep, too long. abandoned: the claim''s lease ran out. sandbox_lost: E2B said it is gone. create_failed: no sandbox could be made. evicted: another path needed the place, of its conversation, or, while it slept, of its tenant.';
comment on column copilot_internal.execution_contexts.error_code is
  'Why the sandbox could not be made: a code of the HTTP contract.';
comment on column copilot_internal.execution_contexts.error_final is
  'Whether whoever waited for this claim is told the error, because trying again at once cannot help.';
comment on column copilot_internal.execution_contexts.error_retry_after_seconds is
  'How long E2B asked callers to wait.';
comment on column copilot_internal.execution_contexts.sandbox_killed_at is
  'When E2B confirmed that the sandbox is gone. Null on an ended context that had one: the kill is still owed.';
comment on column copilot_internal.execution_contexts.kill_attempted_at is
  'When somebody last took the owed kill on: no sweep tries it again at once.';
comment on column copilot_internal.execution_contexts.probation_seconds is
  'How long the sandbox lives from its birth on, whatever comes.';
comment on column copilot_internal.execution_contexts.may_live_until is
  'Of an ended context: until when its sandbox may be awake, unless its kill is confirmed. -infinity: there is none, for certain.';
comment on column copilot_internal.execution_contexts.previous_termination_reason is
  'Why variables were lost here last: how the path''s context before this one ended, or kernel_restarted. Kept here because the caller must be told even after that row is deleted.';
comment on column copilot_internal.execution_contexts.previous_terminated_at is
  'When variables were lost here last.';
comment on column copilot_internal.execution_contexts.previous_state_id is
  'The state id of the variables that were lost then.';
comment on column copilot_internal.execution_contexts.state_id is
  'Names what variables are there: another one whenever they are lost.';
comment on column copilot_internal.execution_contexts.held_until is
  'Until then no further execution begins here.';
comment on column copilot_internal.execution_contexts.held_by is
  'The execution for which it is held.';
comment on column copilot_internal.execution_contexts.template is
  'What E2B made the sandbox of. Null until there is one.';
comment on column copilot_internal.execution_contexts.sandbox_deadline_at is
  'Until then at least E2B lets the sandbox run, as far as was noted: then it pauses it, or, where keep_seconds is 0, kills it. Null: not known.';
comment on column copilot_internal.execution_contexts.keep_seconds is
  'How long the context may sleep. The sandbox was made for it: with 0, E2B kills it at its deadline instead of pausing it.';
comment on column copilot_internal.execution_contexts.woken_at is
  'When its sandbox woke last, as far as was noted. Null: it has never slept.';
comment on column copilot_internal.execution_contexts.forked_from_context_id is
  'The context whose sandbox this one''s began as a fork of; of a claim, is to be forked. Null: it began empty.';
comment on column copilot_internal.execution_contexts.forked_from_path_id is
  'The path of that context, which may be deleted first.';
comment on column copilot_internal.execution_contexts.lineage_id is
  'Of a fork: the context for which the sandbox was made that its line of forks began with. A fork has that one''s metadata.';
comment on column copilot_internal.execution_contexts.kernel_counts is
  'Of a fork: the last number that each language''s kernel had given when it was forked.';
comment on column copilot_internal.execution_contexts.fork_until is
  'Until then no execution begins here, so that its sandbox can be forked.';
comment on column copilot_internal.execution_contexts.sandbox_access is
  'What opens the sandbox''s ports, encrypted by the functions with a key derived from E2B_API_KEY. Null: not known, or ended.';

-- Rows that the first migration let in. Contexts were made with their sandbox then, so an active one is ready.
update copilot_internal.execution_contexts
set terminated_at = last_used_at
where terminated_at is null and sandbox_status in ('error', 'terminated');

update copilot_internal.execution_contexts
set sandbox_status = 'ready'
where terminated_at is null and sandbox_status = 'creating' and sandbox_id is not null;

update copilot_internal.execution_contexts
set sandbox_status = 'terminated',
    termination_reason = case when expires_at <= terminated_at then 'expired' else 'terminated' end
where terminated_at is not null and termination_reason is null;

update copilot_internal.execution_contexts
set activated_at = created_at
where activated_at is null and sandbox_id is not null and sandbox_status <> 'error';

-- No sandbox lives longer than a day: those of contexts that ended before owe no kill.
update copilot_internal.execution_contexts
set sandbox_killed_at = terminated_at
where terminated_at < clock_timestamp() - interval '1 day' and sandbox_id is not null and sandbox_killed_at is null;

-- Those that do owe one.
update copilot_internal.execution_contexts
set may_live_until = expires_at
where terminated_at is not null and sandbox_id is not null and sandbox_killed_at is null and may_live_until is null;

-- One CHECK that calls a function, not thirteen: Postgres prepares every CHECK's expression anew for every statement,
-- which was half the cost of a touch (see `deno task bench:database`). The rules keep names of their own in errors.
create or replace function copilot_internal.is_consistent(c copilot_internal.execution_contexts)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_broken text := case
    when not char_length(c.tenant_id) between 1 and 255 then 'tenant_id_check'
    when not char_length(c.conversation_id) between 1 and 255 then 'conversation_id_check'
    when not char_length(c.path_id) between 1 and 255 then 'path_id_check'
    when not c.sandbox_status in ('creating', 'ready', 'error', 'terminated') then 'sandbox_status_check'
    when not c.ttl_seconds > 0 then 'ttl_positive'
    when not c.keep_seconds >= 0 then 'keep_not_negative'
    when not c.termination_reason in ('terminated', 'expired', 'abandoned', 'sandbox_lost', 'create_failed', 'evicted')
      then 'termination_reason_known'
    when (c.terminated_at is null) <> (c.sandbox_status in ('creating', 'ready')) then 'active_or_ended'
    when (c.terminated_at is null) <> (c.termination_reason is null) then 'ended_has_reason'
    when c.sandbox_status = 'creating' and (c.sandbox_id is not null or c.activated_at is not null)
      then 'creating_has_no_sandbox'
    when c.sandbox_status = 'ready' and (c.sandbox_id is null or c.activated_at is null) then 'ready_has_sandbox'
    when c.woken_at is not null and c.activated_at is null then 'woken_after_activated'
    when (c.sandbox_status = 'error') <> (c.error_code is not null)
      or (c.sandbox_status = 'error') <> (c.error_final is not null)
      or (c.sandbox_status = 'error') <> (c.termination_reason is not distinct from 'create_failed')
      or (c.error_retry_after_seconds is not null and (c.sandbox_status <> 'error' or c.error_retry_after_seconds < 0))
      then 'error_has_code'
    when c.sandbox_killed_at is not null and (c.terminated_at is null or c.sandbox_id is null)
      then 'killed_after_end'
    when (c.previous_termination_reason is null) <> (c.previous_terminated_at is null) then 'previous_is_whole'
    when (c.forked_from_context_id is null) <> (c.forked_from_path_id is null)
      or (c.forked_from_context_id is null) <> (c.lineage_id is null)
      or (c.kernel_counts is not null and c.lineage_id is null)
      then 'fork_is_whole'
  end;
begin
  if v_broken is null then
    return true;
  end if;
  v_broken := 'execution_contexts_' || v_broken;
  raise exception 'new row for relation "execution_contexts" violates check constraint "%"', v_broken
    using errcode = 'check_violation', schema = 'copilot_internal', table = 'execution_contexts', constraint = v_broken;
end
$$;
comment on function copilot_internal.is_consistent(copilot_internal.execution_contexts) is
  'The rules that tie a context''s status, timestamps and reasons together. True, or a check_violation that names the rule.';
revoke execute on function copilot_internal.is_consistent(copilot_internal.execution_contexts)
  from public, anon, authenticated;

alter table copilot_internal.execution_contexts
  alter column ttl_seconds drop default,
  drop constraint if exists execution_contexts_tenant_id_check,
  drop constraint if exists execution_contexts_conversation_id_check,
  drop constraint if exists execution_contexts_path_id_check,
  drop constraint if exists execution_contexts_sandbox_status_check,
  drop constraint if exists execution_contexts_consistent,
  add constraint execution_contexts_consistent
    check (copilot_internal.is_consistent(execution_contexts));

-- A new claim looks up how the path's last context ended: one probe, however long the path's history is.
create index if not exists idx_execution_contexts_path_history
  on copilot_internal.execution_contexts (tenant_id, conversation_id, path_id, terminated_at desc)
  where terminated_at is not null and activated_at is not null;
comment on index copilot_internal.idx_execution_contexts_path_history is
  'Finds how the last context of a path ended. Claims that never became ready are left out: they held no variables.';

create index if not exists idx_execution_contexts_conversation
  on copilot_internal.execution_contexts (tenant_id, conversation_id);
comment on index copilot_internal.idx_execution_contexts_conversation is
  'What a tenant''s users may see, and what was lost on a path.';

-- The kills that are still owed: empty but for what has just ended.
create index if not exists idx_execution_contexts_unconfirmed_kills
  on copilot_internal.execution_contexts (terminated_at)
  where terminated_at is not null and sandbox_id is not null and sandbox_killed_at is null;
comment on index copilot_internal.idx_execution_contexts_unconfirmed_kills is
  'Ended contexts whose sandbox is not known to be gone.';

create index if not exists idx_execution_contexts_may_live
  on copilot_internal.execution_contexts (tenant_id, may_live_until)
  where terminated_at is not null and sandbox_killed_at is null;
comment on index copilot_internal.idx_execution_contexts_may_live is
  'Ended contexts of a tenant whose sandbox may be alive.';

create index if not exists idx_execution_contexts_failed_claims
  on copilot_internal.execution_contexts (terminated_at)
  where terminated_at is not null and activated_at is null;
comment on index copilot_internal.idx_execution_contexts_failed_claims is 'Clean-up of claims that came to nothing.';

create index if not exists idx_execution_contexts_lineage
  on copilot_internal.execution_contexts (lineage_id)
  where lineage_id is not null;
comment on index copilot_internal.idx_execution_contexts_lineage is
  'The contexts whose sandboxes say that they were made for another one.';

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

create or replace function copilot_internal.state_of(p_context copilot_internal.execution_contexts)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  return case
    when p_context.terminated_at is not null then 'ended'
    when p_context.sandbox_status = 'creating' then 'creating'
    when p_context.expires_at > clock_timestamp() then 'awake'
    else 'asleep'
  end;
end
$$;
comment on function copilot_internal.state_of(copilot_internal.execution_contexts) is
  'creating, awake, asleep or ended. One that sleeps longer than it is kept is asleep until it is retired.';
revoke execute on function copilot_internal.state_of(copilot_internal.execution_contexts) from public, anon, authenticated;

create or replace function copilot_internal.kept_until(p_context copilot_internal.execution_contexts)
returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
begin
  return case
    when p_context.terminated_at is null and p_context.sandbox_status = 'ready'
      then p_context.expires_at + make_interval(secs => p_context.keep_seconds)
  end;
end
$$;
comment on function copilot_internal.kept_until(copilot_internal.execution_contexts) is
  'When a ready context ends if nobody uses it: it sleeps until then. Null of any other.';
revoke execute on function copilot_internal.kept_until(copilot_internal.execution_contexts) from public, anon, authenticated;

create or replace function copilot_internal.note_end_of_life()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  -- Once a day: those who end several contexts of a conversation would wait for each other here, and in no order.
  update copilot_internal.conversations v
  set last_used_at = clock_timestamp()
  where v.tenant_id = new.tenant_id and v.conversation_id = new.conversation_id
    and v.last_used_at < clock_timestamp() - interval '1 day';
  new.may_live_until := case
    when new.sandbox_killed_at is not null then new.terminated_at
    -- E2B's deadline is never earlier than probation's end, and connect moves it beyond ours. What sleeps is past it.
    when new.activated_at is not null
      then greatest(
        new.expires_at, new.sandbox_deadline_at, new.activated_at + make_interval(secs => new.probation_seconds)
      )
    -- It is asked for within the lease.
    else new.expires_at + make_interval(secs => new.probation_seconds)
  end;
  new.sandbox_access := null;
  return new;
end
$$;
comment on function copilot_internal.note_end_of_life() is
  'Notes until when the sandbox of a context that ends may be alive, and, once a day, that its conversation was used until now; forgets what opens the sandbox.';
revoke execute on function copilot_internal.note_end_of_life() from public, anon, authenticated;

drop trigger if exists note_end_of_life on copilot_internal.execution_contexts;
create trigger note_end_of_life
  before update of terminated_at on copilot_internal.execution_contexts
  for each row
  when (old.terminated_at is null and new.terminated_at is not null and new.may_live_until is null)
  execute function copilot_internal.note_end_of_life();
