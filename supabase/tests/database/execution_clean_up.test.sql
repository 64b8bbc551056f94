-- The ledger's clean-up: what is old goes, by the settings and batch by batch; what nobody can tell the end of is lost.

begin;
\ir setup.psql
select plan(29);

-- Counts are exact, so rows that a developer's database holds must be out of the way until the rollback.
delete from copilot_internal.executions;
delete from copilot_internal.sandbox_lives;
delete from copilot_internal.idempotency_keys;
delete from copilot_internal.execution_contexts;

-- An execution, a life and a key with this name, so many days old; the key's time ended as long ago.
create function pg_temp.add(p_name text, p_days_ago numeric)
returns void
language sql
as $$
  insert into copilot_internal.executions (
    id, context_id, tenant_id, conversation_id, path_id, language, status, started_at, deadline_at, finished_at
  )
  select gen_random_uuid(), gen_random_uuid(), 'clean_up', 'c', p_name, 'python', 'ok', at, at, at
  from (select clock_timestamp() - p_days_ago * interval '1 day') as t (at);
  insert into copilot_internal.sandbox_lives (context_id, tenant_id, conversation_id, path_id, started_at, ended_at)
  select gen_random_uuid(), 'clean_up', 'c', p_name, at - interval '30 days', at
  from (select clock_timestamp() - p_days_ago * interval '1 day') as t (at);
  insert into copilot_internal.idempotency_keys (
    tenant_id, idempotency_key, conversation_id, path_id, execution_id, request_hash, alive_until, created_at, expires_at
  )
  select 'clean_up', p_name, 'c', 'p', gen_random_uuid(), 'hash', at, at - interval '1 day', at
  from (select clock_timestamp() - p_days_ago * interval '1 day') as t (at)
$$;
create temp view executions as select path_id as name from copilot_internal.executions;
create temp view lives as select path_id as name from copilot_internal.sandbox_lives;
create temp view keys as select idempotency_key as name from copilot_internal.idempotency_keys;
create function pg_temp.clean_up(p_limit integer default 1000, p_budget interval default '60 seconds')
returns integer
language sql
as $$ select deleted_count from copilot_internal.cleanup_executions(p_limit, p_budget) $$;

-- By the settings.
select pg_temp.add('old', 400.1) \g /dev/null
select pg_temp.add('young', 399.9) \g /dev/null
select pg_temp.add('new', -1) \g /dev/null
select is(pg_temp.clean_up(), 4, 'what is old is deleted');
select set_eq('select name from executions', array['young', 'new'], 'executions are kept for 400 days');
select set_eq('select name from lives', array['young', 'new'], 'so are lives, since they ended');
select set_eq('select name from keys', array['new'], 'keys and their answers go when their own time is over');
select is(pg_temp.clean_up(), 0, 'there is nothing more to delete');
update copilot_internal.settings set ledger_days = 401;
select is(pg_temp.clean_up(), 0, 'nor if more is to be kept');
update copilot_internal.settings set ledger_days = 399;
select is(pg_temp.clean_up(), 2, 'but if less is');
select set_eq('table executions union all table lives', array['new'], 'then that is what is left');
update copilot_internal.settings set answer_hours = 1;
select is(pg_temp.clean_up(), 0, 'a key that has been given its time keeps it');
select is((select count(*)::integer from keys), 1, 'whatever later ones are given');

-- In batches.
update copilot_internal.settings set ledger_days = 1;
select pg_temp.add('batch ' || n, 2) from generate_series(1, 5) n \g /dev/null
select is(pg_temp.clean_up(2, '0'), 6, 'when its time is over it stops, after a batch of each');
select results_eq(
  'select (select count(*) from executions), (select count(*) from lives), (select count(*) from keys)',
  'values (4::bigint, 4::bigint, 4::bigint)',
  'so many of each table'
);
select is(pg_temp.clean_up(2), 9, 'otherwise it goes on, batch by batch, until it is done');
select set_eq(
  'table executions union all table lives union all table keys', array['new'], 'and leaves what is not old'
);
select pg_temp.add('more ' || n, 2) from generate_series(1, 2) n \g /dev/null
delete from copilot_internal.executions where path_id like 'more%';
delete from copilot_internal.idempotency_keys;
select is(pg_temp.clean_up(1), 2, 'a table that is done holds up none of the others');
select pg_temp.add('none', 2) \g /dev/null
select is(pg_temp.clean_up(0), 0, 'batches of nothing end at once');

-- What is running is as old as it is; contexts are none of its business.
select public.copilot_claim_context(pg_temp.id(1), 'clean_up', 'c', 'p', 60, 1800) \g /dev/null
select public.copilot_activate_context(pg_temp.id(1), 'sandbox 1') \g /dev/null
update copilot_internal.execution_contexts set created_at = created_at - interval '500 days', activated_at = activated_at - interval '500 days';
select is(pg_temp.clean_up(), 3, 'what was left goes the next time');
select is(
  (select count(*)::integer from copilot_internal.execution_contexts), 1, 'a context that is active is not the ledger''s'
);

-- Lost.
select public.copilot_start_execution(pg_temp.id(n), pg_temp.id(1), 'python', 60000) from generate_series(101, 105) n \g /dev/null
select is((select retired_count from copilot_internal.retire_lost_executions()), 0, 'nothing is lost before its deadline');
update copilot_internal.executions set deadline_at = clock_timestamp() where id in (pg_temp.id(101), pg_temp.id(102), pg_temp.id(103));
select public.copilot_finish_execution(pg_temp.id(103), pg_temp.id(1), 'python', 'ok', 1500, 70) \g /dev/null
select is((select retired_count from copilot_internal.retire_lost_executions()), 2, 'what is past it is');
select results_eq(
  $$
    select id, status, finished_at is null, duration_ms from copilot_internal.executions
    where id between pg_temp.id(101) and pg_temp.id(105) order by id
  $$,
  $$
    values
      (pg_temp.id(101), 'lost', false, null::integer), (pg_temp.id(102), 'lost', false, null),
      (pg_temp.id(103), 'ok', false, 1500),
      (pg_temp.id(104), 'running', true, null), (pg_temp.id(105), 'running', true, null)
  $$,
  'but not what has ended, nor what may yet do so'
);
select is((select retired_count from copilot_internal.retire_lost_executions()), 0, 'nothing is lost twice');

-- The settings themselves.
-- Whose conversations were.
update copilot_internal.settings set ledger_days = 400;
delete from copilot_internal.conversations;
insert into copilot_internal.conversations (tenant_id, conversation_id, user_id, last_used_at)
select 'owners', name, 'u', clock_timestamp() - days * interval '1 day'
from (values ('old', 401), ('young', 399), ('active', 401), ('ended', 401), ('answered', 401)) as v (name, days);
insert into copilot_internal.execution_contexts
  (tenant_id, conversation_id, path_id, sandbox_status, sandbox_id, activated_at, ttl_seconds, expires_at, terminated_at, termination_reason)
values
  ('owners', 'active', 'p', 'ready', 'owned', now(), 60, now(), null, null),
  ('owners', 'ended', 'p', 'terminated', 'ended', now(), 60, now(), now(), 'expired');
insert into copilot_internal.idempotency_keys
  (tenant_id, idempotency_key, conversation_id, path_id, execution_id, request_hash, alive_until, expires_at)
values ('owners', 'k', 'answered', 'p', gen_random_uuid(), 'hash', now(), now() + interval '1 hour');
select copilot_internal.cleanup_executions() \g /dev/null
select bag_eq(
  'select conversation_id from copilot_internal.conversations', array['young', 'active', 'ended', 'answered'],
  'whose a conversation was is forgotten with the ledger, but not while something is left of it'
);

select throws_ok('insert into copilot_internal.settings default values', '23505', null, 'there is one row of settings');
select throws_ok(
  'insert into copilot_internal.settings (id) values (false)', '23514',
  'new row for relation "settings" violates check constraint "settings_one_row"', 'and never another'
);
select throws_ok(
  format('update copilot_internal.settings set %I = %s', name, value), '23514',
  format('new row for relation "settings" violates check constraint "settings_%s_check"', name),
  format('%s cannot be %s', name, value)
)
from (values ('ledger_days', 0), ('ledger_days', 36501), ('answer_hours', 0), ('answer_hours', 8761)) as wrong (name, value);

select * from finish();
rollback;
