-- Every CHECK, violated by a row that is right but for that.

begin;
\ir setup.psql
select plan(37);

-- The CHECK that the row violates with these values in the place of a good row's, or null.
create function pg_temp.violated(p_good jsonb, p_values jsonb)
returns text
language plpgsql
as $$
declare
  v_name text;
begin
  insert into copilot_internal.execution_contexts
  select *
  from jsonb_populate_record(
    null::copilot_internal.execution_contexts,
    jsonb_build_object(
      'id', gen_random_uuid(), 'tenant_id', 'checks', 'conversation_id', 'c', 'path_id', gen_random_uuid(),
      'state_id', gen_random_uuid(), 'ttl_seconds', 60, 'probation_seconds', 90, 'keep_seconds', 0, 'created_at', now(), 'last_used_at', now(), 'expires_at', now()
    ) || p_good || p_values
  );
  return null;
exception
  when check_violation then
    get stacked diagnostics v_name = constraint_name;
    insert into violated values (v_name);
    return v_name;
end
$$;
create temp table violated (name text);

create temp table good (state text primary key, row jsonb);
insert into good values
  ('creating', '{"sandbox_status": "creating"}'),
  ('ready', '{"sandbox_status": "ready", "sandbox_id": "s", "activated_at": "2026-01-04"}'),
  ('error', '{"sandbox_status": "error", "termination_reason": "create_failed", "terminated_at": "2026-01-04",
              "error_code": "sandbox_create_failed", "error_final": true, "error_retry_after_seconds": 0}'),
  ('terminated', '{"sandbox_status": "terminated", "termination_reason": "terminated", "terminated_at": "2026-01-04",
                   "sandbox_id": "s", "activated_at": "2026-01-04", "sandbox_killed_at": "2026-01-04",
                   "previous_termination_reason": "expired", "previous_terminated_at": "2026-01-03"}');

select is(pg_temp.violated(row, '{}'), null, format('a row in state %s is good', state)) from good order by state;

create temp table bad (n integer generated always as identity, name text, state text, change jsonb);
insert into bad (name, state, change) values
  ('execution_contexts_tenant_id_check', 'ready', '{"tenant_id": ""}'),
  ('execution_contexts_tenant_id_check', 'ready', jsonb_build_object('tenant_id', repeat('é', 256))),
  ('execution_contexts_conversation_id_check', 'ready', '{"conversation_id": ""}'),
  ('execution_contexts_conversation_id_check', 'ready', jsonb_build_object('conversation_id', repeat('é', 256))),
  ('execution_contexts_path_id_check', 'ready', '{"path_id": ""}'),
  ('execution_contexts_path_id_check', 'ready', jsonb_build_object('path_id', repeat('é', 256))),
  ('execution_contexts_sandbox_status_check', 'terminated', '{"sandbox_status": "paused"}'),
  ('execution_contexts_ttl_positive', 'ready', '{"ttl_seconds": 0}'),
  ('execution_contexts_keep_not_negative', 'ready', '{"keep_seconds": -1}'),
  ('execution_contexts_woken_after_activated', 'creating', '{"woken_at": "2026-01-04"}'),
  ('execution_contexts_fork_is_whole', 'ready', '{"forked_from_path_id": "p"}'),
  ('execution_contexts_fork_is_whole', 'ready', '{"forked_from_path_id": "p", "forked_from_context_id": "00000000-0000-4000-8000-000000000001"}'),
  ('execution_contexts_fork_is_whole', 'ready', '{"kernel_counts": {}}'),
  ('execution_contexts_termination_reason_known', 'terminated', '{"termination_reason": "bored"}'),
  ('execution_contexts_active_or_ended', 'ready', '{"terminated_at": "2026-01-04", "termination_reason": "expired"}'),
  ('execution_contexts_active_or_ended', 'terminated',
    '{"terminated_at": null, "termination_reason": null, "sandbox_killed_at": null}'),
  ('execution_contexts_ended_has_reason', 'terminated', '{"termination_reason": null}'),
  ('execution_contexts_ended_has_reason', 'ready', '{"termination_reason": "expired"}'),
  ('execution_contexts_creating_has_no_sandbox', 'creating', '{"sandbox_id": "s"}'),
  ('execution_contexts_creating_has_no_sandbox', 'creating', '{"activated_at": "2026-01-04"}'),
  ('execution_contexts_ready_has_sandbox', 'ready', '{"sandbox_id": null}'),
  ('execution_contexts_ready_has_sandbox', 'ready', '{"activated_at": null}'),
  ('execution_contexts_error_has_code', 'error', '{"error_code": null}'),
  ('execution_contexts_error_has_code', 'error', '{"error_final": null}'),
  ('execution_contexts_error_has_code', 'error', '{"termination_reason": "terminated"}'),
  ('execution_contexts_error_has_code', 'error', '{"error_retry_after_seconds": -1}'),
  ('execution_contexts_error_has_code', 'terminated', '{"termination_reason": "create_failed"}'),
  ('execution_contexts_error_has_code', 'ready', '{"error_retry_after_seconds": 1}'),
  ('execution_contexts_killed_after_end', 'ready', '{"sandbox_killed_at": "2026-01-04"}'),
  ('execution_contexts_killed_after_end', 'terminated', '{"sandbox_id": null}'),
  ('execution_contexts_previous_is_whole', 'ready', '{"previous_terminated_at": "2026-01-04"}');

select is(
  pg_temp.violated(good.row, bad.change), bad.name,
  format('%s: %s with %s', bad.name, bad.state, left(bad.change::text, 60))
)
from bad join good using (state)
order by bad.n;

select set_eq(
  $$
    select distinct 'execution_contexts_' || rule[1]
    from regexp_matches(
      (select prosrc from pg_proc where oid = 'copilot_internal.is_consistent'::regproc), 'then ''(\w+)''', 'g'
    ) as rule
  $$,
  'select name from violated',
  'no rule has been left out'
);
select set_eq(
  $$
    select pg_get_constraintdef(oid) from pg_constraint
    where conrelid = 'copilot_internal.execution_contexts'::regclass and contype = 'c'
  $$,
  array['CHECK (copilot_internal.is_consistent(execution_contexts.*))'],
  'one CHECK has them all'
);

select * from finish();
rollback;
