-- Each transition that may happen, and the row that it leaves.

begin;
\ir setup.psql
select plan(28);

-- activate
select pg_temp.begin_context(1, 'transitions', 'c', 'p', null) \g /dev/null
select results_eq(
  $$ select id, sandbox_id, ttl_seconds from public.copilot_activate_context(pg_temp.id(1), 'sandbox 1') $$,
  $$ values (pg_temp.id(1), 'sandbox 1', 1800) $$,
  'a claim is activated'
);
select results_eq(
  $$
    select sandbox_status, activated_at is not null, expires_at > clock_timestamp() + interval '25 minutes'
    from copilot_internal.execution_contexts where id = pg_temp.id(1)
  $$,
  $$ values ('ready', true, true) $$,
  'and lives for its TTL from then on'
);
create temp table first_activation as
select activated_at from copilot_internal.execution_contexts where id = pg_temp.id(1);
select results_eq(
  $$ select id, sandbox_id from public.copilot_activate_context(pg_temp.id(1), 'sandbox 1', 600) $$,
  $$ values (pg_temp.id(1), 'sandbox 1') $$,
  'it is activated again with the same sandbox, because the first answer may have been lost'
);
select results_eq(
  $$
    select activated_at, expires_at > clock_timestamp() + interval '35 minutes'
    from copilot_internal.execution_contexts where id = pg_temp.id(1)
  $$,
  'select activated_at, true from first_activation',
  'which is no second activation, and holds the deadline off for an execution'
);
select results_eq(
  $$
    select a.id, a.expires_at = c.expires_at
    from public.copilot_activate_context(pg_temp.id(1), 'sandbox 1') a
    join copilot_internal.execution_contexts c on c.id = a.id
  $$,
  $$ values (pg_temp.id(1), true) $$,
  'nor does it bring the deadline forward'
);
select pg_temp.begin_context(2, 'transitions', 'c', 'late', null) \g /dev/null
update copilot_internal.execution_contexts set expires_at = clock_timestamp() where id = pg_temp.id(2);
select results_eq(
  $$ select id from public.copilot_activate_context(pg_temp.id(2), 'sandbox 2') $$,
  $$ values (pg_temp.id(2)) $$,
  'a claim past its lease that nobody has retired is activated: nobody else has the path'
);

-- fail
select pg_temp.begin_context(3, 'transitions', 'c', 'fails', null) \g /dev/null
select ok(public.copilot_fail_context(pg_temp.id(3), 'sandbox_unavailable', false, 5), 'a claim fails');
select results_eq(
  $$
    select sandbox_status, termination_reason, terminated_at is not null, error_code, error_final, error_retry_after_seconds
    from copilot_internal.execution_contexts where id = pg_temp.id(3)
  $$,
  $$ values ('error', 'create_failed', true, 'sandbox_unavailable', false, 5) $$,
  'and says why'
);

-- lose
select ok(public.copilot_lose_context(pg_temp.id(2), 'sandbox 2'), 'a context whose sandbox is gone is lost');
select results_eq(
  $$
    select sandbox_status, termination_reason, terminated_at is not null, sandbox_killed_at is not null
    from copilot_internal.execution_contexts where id = pg_temp.id(2)
  $$,
  $$ values ('terminated', 'sandbox_lost', true, true) $$,
  'and owes no kill'
);

select pg_temp.begin_context(5, 'transitions', 'e', 'being killed', 'sandbox 5') \g /dev/null
select ok(
  public.copilot_lose_context(pg_temp.id(5), 'sandbox 5', false), 'a context whose sandbox is only being killed is lost, too'
);
select results_eq(
  $$
    select termination_reason, terminated_at is not null, sandbox_killed_at
    from copilot_internal.execution_contexts where id = pg_temp.id(5)
  $$,
  $$ values ('sandbox_lost', true, null::timestamptz) $$,
  'but its kill is owed until it is confirmed'
);

-- terminate
select pg_temp.begin_context(10 + n, 'transitions', 'd', 'p' || n, case when n < 4 then 'sandbox 1' || n end)
from generate_series(1, 4) n \g /dev/null
select pg_temp.begin_context(20, 'transitions', 'other', 'p1', 'sandbox 20') \g /dev/null
select pg_temp.begin_context(21, 'other', 'd', 'p1', 'sandbox 21') \g /dev/null
select results_eq(
  $$ select * from public.copilot_terminate_contexts('transitions', 'd', 'p1') $$,
  $$ values (pg_temp.id(11), 'sandbox 11') $$,
  'a path is terminated'
);
select results_eq(
  $$
    select sandbox_status, termination_reason, terminated_at is not null, sandbox_id, sandbox_killed_at, kill_attempted_at is not null
    from copilot_internal.execution_contexts where id = pg_temp.id(11)
  $$,
  $$ values ('terminated', 'terminated', true, 'sandbox 11', null::timestamptz, true) $$,
  'its kill is owed, and is its caller''s for now'
);
select results_eq(
  $$ select * from public.copilot_terminate_contexts('transitions', p_context_id := pg_temp.id(12)) $$,
  $$ values (pg_temp.id(12), 'sandbox 12') $$,
  'a context is terminated by its id'
);
select results_eq(
  $$ select * from public.copilot_terminate_contexts('transitions', 'd') order by id $$,
  $$ values (pg_temp.id(13), 'sandbox 13'), (pg_temp.id(14), null) $$,
  'a conversation is terminated: what is left of it, with the claim in flight, which has no sandbox yet'
);
select results_eq(
  $$ select termination_reason, kill_attempted_at from copilot_internal.execution_contexts where id = pg_temp.id(14) $$,
  $$ values ('terminated', null::timestamptz) $$,
  'a claim in flight has no kill to attempt'
);
select is_empty(
  $$ select from copilot_internal.execution_contexts where id in (pg_temp.id(20), pg_temp.id(21)) and terminated_at is not null $$,
  'other conversations and other tenants have not been touched'
);

-- confirm
select ok(public.copilot_confirm_sandbox_killed(pg_temp.id(11), 'sandbox 11'), 'a kill is confirmed');
select isnt(sandbox_killed_at, null, 'and noted')
from copilot_internal.execution_contexts where id = pg_temp.id(11);

-- expire
update copilot_internal.execution_contexts set expires_at = clock_timestamp() where id = pg_temp.id(1);
select pg_temp.begin_context(4, 'transitions', 'c', 'dies', null) \g /dev/null
update copilot_internal.execution_contexts set expires_at = clock_timestamp() where id = pg_temp.id(4);
select cmp_ok(
  (select expired_count from copilot_internal.expire_execution_contexts()), '>=', 2,
  'what is past its deadline is retired'
);
select results_eq(
  $$
    select sandbox_status, termination_reason, terminated_at is not null, sandbox_id, kill_attempted_at, sandbox_killed_at
    from copilot_internal.execution_contexts where id in (pg_temp.id(1), pg_temp.id(4)) order by id
  $$,
  $$
    values
      ('terminated', 'expired', true, 'sandbox 1', null::timestamptz, null::timestamptz),
      ('terminated', 'abandoned', true, null, null, null)
  $$,
  'a ready one expires, and its kill is anybody''s; a claim is abandoned, and has none'
);

-- Whichever way it ended, the path is free.
select results_eq(
  $$
    select path_id, outcome
    from (values ('p'), ('late'), ('fails'), ('dies')) as path (name),
      public.copilot_claim_context(gen_random_uuid(), 'transitions', 'c', path.name, 60, 1800)
  $$,
  $$ values ('p', 'claimed'), ('late', 'claimed'), ('fails', 'claimed'), ('dies', 'claimed') $$,
  'an ended context never blocks a new one'
);

-- At most one active context a path, even for who writes the table by hand.
select throws_ok(
  $$
    insert into copilot_internal.execution_contexts
      (tenant_id, conversation_id, path_id, sandbox_status, ttl_seconds, expires_at)
    values ('transitions', 'c', 'p', 'creating', 60, now())
  $$,
  '23505',
  'duplicate key value violates unique constraint "idx_execution_contexts_unique_active_path"',
  'a second active context of a path is impossible'
);
select lives_ok(
  $$
    insert into copilot_internal.execution_contexts
      (tenant_id, conversation_id, path_id, sandbox_status, ttl_seconds, expires_at, terminated_at, termination_reason)
    select 'transitions', 'c', 'p', 'terminated', 60, now(), now(), 'abandoned' from generate_series(1, 3)
  $$,
  'any number of ended ones is not'
);

-- No transition has left a row that no state describes.
select is_empty(
  $$
    select sandbox_status, termination_reason from copilot_internal.execution_contexts
    where tenant_id in ('transitions', 'other')
      and (sandbox_status, coalesce(termination_reason, '')) not in (
        ('creating', ''), ('ready', ''), ('error', 'create_failed'), ('terminated', 'terminated'),
        ('terminated', 'expired'), ('terminated', 'abandoned'), ('terminated', 'sandbox_lost')
      )
  $$,
  'every row is in a state that the design has'
);
select is_empty(
  $$
    select id from copilot_internal.execution_contexts
    where tenant_id in ('transitions', 'other')
      and (created_at > last_used_at or activated_at < created_at or terminated_at < activated_at or sandbox_killed_at < terminated_at)
      and id <= pg_temp.id(99)
  $$,
  'nothing has happened before what it follows'
);
select results_eq(
  $$ select count(*)::integer from copilot_internal.execution_contexts where id <= pg_temp.id(99) and tenant_id = 'transitions' $$,
  'values (10)',
  'no transition has deleted a row'
);

select * from finish();
rollback;
