-- The clean-up: what goes, what must stay, and how much at a time.

begin;
\ir setup.psql
select plan(17);

-- Counts are exact, so rows that a developer's database holds must be out of the way until the rollback.
delete from copilot_internal.execution_contexts;

-- A context that ended so many days ago; its sandbox, if it had one, is gone or not.
create function pg_temp.ended(p_path_id text, p_days_ago numeric, p_sandbox_id text, p_killed boolean)
returns void
language sql
as $$
  insert into copilot_internal.execution_contexts (
    tenant_id, conversation_id, path_id, sandbox_status, ttl_seconds, expires_at, termination_reason, terminated_at,
    sandbox_id, activated_at, sandbox_killed_at
  )
  select
    'clean_up', 'c', p_path_id, 'terminated', 60, ended_at, 'expired', ended_at, p_sandbox_id,
    case when p_sandbox_id is not null then ended_at end, case when p_killed then ended_at end
  from (select clock_timestamp() - p_days_ago * interval '1 day') as e (ended_at)
$$;
create temp view paths as
select path_id from copilot_internal.execution_contexts where tenant_id = 'clean_up';

select pg_temp.ended('owed', 400, 'sandbox 1', false) \g /dev/null
select pg_temp.ended('too new', 6.9, 'sandbox 2', true) \g /dev/null
select pg_temp.ended('old', 7.1, 'sandbox 3', true) \g /dev/null
select pg_temp.ended('old claim', 30, null, false) \g /dev/null
insert into copilot_internal.execution_contexts (
  tenant_id, conversation_id, path_id, sandbox_status, ttl_seconds, created_at, last_used_at, expires_at, sandbox_id, activated_at
)
select 'clean_up', 'c', 'active', 'ready', 60, t, t, t, 'sandbox 4', t
from (select clock_timestamp() - interval '400 days') as long_ago (t);

select is(
  (select deleted_count from copilot_internal.cleanup_old_terminated_contexts()), 2, 'what ended a week ago is deleted'
);
select set_eq(
  'select path_id from paths', array['owed', 'too new', 'active'],
  'but not what still owes a kill, what has ended since, nor what has not ended'
);
select is(
  (select deleted_count from copilot_internal.cleanup_old_terminated_contexts()), 0, 'there is nothing more to delete'
);
select is(
  (select deleted_count from copilot_internal.cleanup_old_terminated_contexts(6)), 1, 'the age is the caller''s to choose'
);
update copilot_internal.execution_contexts set sandbox_killed_at = clock_timestamp()
where tenant_id = 'clean_up' and path_id = 'owed';
select is(
  (select deleted_count from copilot_internal.cleanup_old_terminated_contexts()), 1, 'a kill that is confirmed holds nothing back'
);

select pg_temp.ended('batch ' || n, 10 + n, 'sandbox', true) from generate_series(1, 5) n \g /dev/null
select is(
  (select deleted_count from copilot_internal.cleanup_old_terminated_contexts(7, 2)), 2, 'so many are deleted at a time'
);
select set_eq(
  'select path_id from paths', array['active', 'batch 1', 'batch 2', 'batch 3'], 'the oldest first'
);
select is(
  (select deleted_count from copilot_internal.cleanup_old_terminated_contexts(7, 0)), 0, 'none, if none is asked for'
);
select throws_ok(
  format('select copilot_internal.cleanup_old_terminated_contexts(%s)', arguments), '22023',
  'p_days_old and p_limit must not be negative', format('(%s) is refused', arguments)
)
from (values ('-1, 100'), ('7, -1'), ('null, 100'), ('7, null')) as wrong (arguments);
select set_eq(
  'select path_id from paths', array['active', 'batch 1', 'batch 2', 'batch 3'], 'and nothing is deleted for it'
);

select is(
  (select deleted_count from copilot_internal.cleanup_until_done(7, 1, interval '0')), 1,
  'the nightly clean-up stops when its time is over, after a batch'
);
select is(
  (select deleted_count from copilot_internal.cleanup_until_done(7, 1)), 2, 'or batch by batch, when it is done'
);
select is((select deleted_count from copilot_internal.cleanup_until_done()), 0, 'and has nothing to do the next time');
select set_eq('select path_id from paths', array['active'], 'what has not ended is still there');

select * from finish();
rollback;
