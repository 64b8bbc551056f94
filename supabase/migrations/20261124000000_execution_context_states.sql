-- The states of a context, and the CHECKs that tie them to its timestamps. The row is written before E2B is asked
-- for a sandbox, so a claim has none yet.

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
  add column if not exists previous_termination_reason text,
  add column if not exists previous_terminated_at timestamptz;

comment on column copilot_internal.execution_contexts.sandbox_status is
  'creating: a claim, no sandbox yet. ready: has its sandbox. error: the sandbox could not be made. terminated: ended.';
comment on column copilot_internal.execution_contexts.ttl_seconds is
  'How long the context may stand idle.';
comment on column copilot_internal.execution_contexts.expires_at is
  'While creating, the end of the claim''s lease; when ready, the idle deadline.';
comment on column copilot_internal.execution_contexts.activated_at is
  'When the claim became ready; null if it never did, and then no variable was ever kept here.';
comment on column copilot_internal.execution_contexts.termination_reason is
  'terminated: asked for. expired: idle too long. abandoned: the claim''s lease ran out. sandbox_lost: E2B said it is gone. create_failed: no sandbox could be made.';
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
comment on column copilot_internal.execution_contexts.previous_termination_reason is
  'Why the path''s context before this one ended. Kept here because the caller must be told even after that row is deleted.';
comment on column copilot_internal.execution_contexts.previous_terminated_at is
  'When the path''s context before this one ended.';

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

alter table copilot_internal.execution_contexts
  alter column ttl_seconds drop default,
  drop constraint if exists execution_contexts_ttl_positive,
  drop constraint if exists execution_contexts_termination_reason_known,
  drop constraint if exists execution_contexts_active_or_ended,
  drop constraint if exists execution_contexts_ended_has_reason,
  drop constraint if exists execution_contexts_creating_has_no_sandbox,
  drop constraint if exists execution_contexts_ready_has_sandbox,
  drop constraint if exists execution_contexts_error_has_code,
  drop constraint if exists execution_contexts_killed_after_end,
  drop constraint if exists execution_contexts_previous_is_whole,
  add constraint execution_contexts_ttl_positive
    check (ttl_seconds > 0),
  add constraint execution_contexts_termination_reason_known
    check (termination_reason in ('terminated', 'expired', 'abandoned', 'sandbox_lost', 'create_failed')),
  add constraint execution_contexts_active_or_ended
    check ((terminated_at is null) = (sandbox_status in ('creating', 'ready'))),
  add constraint execution_contexts_ended_has_reason
    check ((terminated_at is null) = (termination_reason is null)),
  add constraint execution_contexts_creating_has_no_sandbox
    check (sandbox_status <> 'creating' or (sandbox_id is null and activated_at is null)),
  add constraint execution_contexts_ready_has_sandbox
    check (sandbox_status <> 'ready' or (sandbox_id is not null and activated_at is not null)),
  add constraint execution_contexts_error_has_code
    check (
      (sandbox_status = 'error') = (error_code is not null)
      and (sandbox_status = 'error') = (error_final is not null)
      and (sandbox_status = 'error') = (termination_reason is not distinct from 'create_failed')
      and (error_retry_after_seconds is null or (sandbox_status = 'error' and error_retry_after_seconds >= 0))
    ),
  add constraint execution_contexts_killed_after_end
    check (sandbox_killed_at is null or (terminated_at is not null and sandbox_id is not null)),
  add constraint execution_contexts_previous_is_whole
    check ((previous_termination_reason is null) = (previous_terminated_at is null));

-- A new claim looks up how the path's last context ended: one probe, however long the path's history is.
create index if not exists idx_execution_contexts_path_history
  on copilot_internal.execution_contexts (tenant_id, conversation_id, path_id, terminated_at desc)
  where terminated_at is not null and activated_at is not null;
comment on index copilot_internal.idx_execution_contexts_path_history is
  'Finds how the last context of a path ended. Claims that never became ready are left out: they held no variables.';

-- The kills that are still owed: empty but for what has just ended.
create index if not exists idx_execution_contexts_unconfirmed_kills
  on copilot_internal.execution_contexts (terminated_at)
  where terminated_at is not null and sandbox_id is not null and sandbox_killed_at is null;
comment on index copilot_internal.idx_execution_contexts_unconfirmed_kills is
  'Ended contexts whose sandbox is not known to be gone.';
