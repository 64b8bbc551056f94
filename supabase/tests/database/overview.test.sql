-- The services' view of what there is: active contexts, and those whose kill is owed.

begin;
\ir setup.psql
select plan(13);

delete from copilot_internal.execution_contexts;
select public.copilot_claim_context(pg_temp.id(1), 't1', 'hers', 'main', 60, 1800, p_user_id := 'alice') \g /dev/null
select public.copilot_activate_context(pg_temp.id(1), 'sandbox 1', p_template := 'template 1') \g /dev/null
select pg_temp.begin_context(2, 't1', 'c', 'running', 'sandbox 2') \g /dev/null
select pg_temp.begin_context(3, 't2', 'c', 'creating', null) \g /dev/null
select pg_temp.begin_context(n, 't2', 'c', 'ended ' || n, 'sandbox ' || n) from generate_series(4, 5) n \g /dev/null
select pg_temp.begin_context(6, 't2', 'c', 'given up', null) \g /dev/null
select public.copilot_terminate_contexts('t2', 'c', path) from unnest(array['ended 4', 'ended 5', 'given up']) path \g /dev/null
select public.copilot_confirm_sandbox_killed(pg_temp.id(5), 'sandbox 5') \g /dev/null
update copilot_internal.execution_contexts
set created_at = clock_timestamp() - interval '1 hour', last_used_at = clock_timestamp() - interval '10 minutes'
where id in (pg_temp.id(1), pg_temp.id(2));
select public.copilot_start_execution(pg_temp.id(21), pg_temp.id(2), 'python', 60000, 5000) \g /dev/null
select public.copilot_start_execution(pg_temp.id(22), pg_temp.id(2), 'bash', 60000, 9000) \g /dev/null
-- Its process has died.
select public.copilot_start_execution(pg_temp.id(23), pg_temp.id(1), 'python', 1, 9000) \g /dev/null

set local role service_role;
select set_eq(
  'select context_id from public.execution_contexts_overview', array[pg_temp.id(1), pg_temp.id(2), pg_temp.id(3), pg_temp.id(4)],
  'what is active, and what owes a kill; neither what is known to be gone nor what never was'
);
select results_eq(
  'select context_id, user_id from public.execution_contexts_overview where tenant_id = ''t1'' order by context_id',
  $$ values (pg_temp.id(1), 'alice'), (pg_temp.id(2), null) $$,
  'whose the conversation is'
);
select is(template, 'template 1', 'what the sandbox was made of') from public.execution_contexts_overview where context_id = pg_temp.id(1);
select is(sandbox_id, 'sandbox 1', 'a service may find it at E2B') from public.execution_contexts_overview where context_id = pg_temp.id(1);
select ok(age_seconds between 3600 and 3660, 'its age') from public.execution_contexts_overview where context_id = pg_temp.id(1);
select ok(idle_seconds between 600 and 660, 'for how long nobody has used it') from public.execution_contexts_overview where context_id = pg_temp.id(1);
select is(running_since, null, 'an execution whose process has died does not run') from public.execution_contexts_overview where context_id = pg_temp.id(1);
select is(idle_seconds, 0, 'while code runs it is not idle') from public.execution_contexts_overview where context_id = pg_temp.id(2);
select ok(
  extract(epoch from clock_timestamp() - running_since) between 9 and 60, 'the execution that has run longest counts'
) from public.execution_contexts_overview where context_id = pg_temp.id(2);
select results_eq(
  $$ select sandbox_status, sandbox_id, template, kill_owed_since from public.execution_contexts_overview where context_id = pg_temp.id(3) $$,
  $$ values ('creating', null::text, null::text, null::timestamptz) $$,
  'a claim has no sandbox yet'
);
select results_eq(
  $$
    select sandbox_status, termination_reason, idle_seconds, kill_owed_since is not null, kill_attempted_at is not null
    from public.execution_contexts_overview where context_id = pg_temp.id(4)
  $$,
  $$ values ('terminated', 'terminated', null::integer, true, true) $$,
  'a kill that is owed, since when, and that somebody is at it'
);
set local role authenticated;
select throws_ok('select from public.execution_contexts_overview', '42501', null, 'no user sees it');
set local role anon;
select throws_ok('select from public.execution_contexts_overview', '42501', null, 'nor does anybody else');
reset role;

select * from finish();
rollback;
