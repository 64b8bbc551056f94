-- Contexts that sleep, and branches: what the claim counts, what is due, and what is an orphan.

begin;
\ir setup.psql
select plan(29);

-- Claims a path that may sleep for an hour, and activates it.
create function pg_temp.begin_sleeper(p_number integer, p_path_id text, p_from text default null)
returns text
language plpgsql
as $$
declare
  v_outcome text;
begin
  select c.outcome into v_outcome from public.copilot_claim_context(
    pg_temp.id(p_number), 'sleep', 'c', p_path_id, 60, 1800, p_keep_seconds => 3600, p_tenant_quota => 2, p_from_path_id => p_from
  ) c;
  if v_outcome = 'claimed' then
    perform public.copilot_activate_context(pg_temp.id(p_number), 'sandbox ' || p_number, p_sandbox_seconds => 90);
  end if;
  return v_outcome;
end
$$;
create function pg_temp.fall_asleep(p_number integer, p_ago interval default '1 minute')
returns void
language sql
as $$
  update copilot_internal.execution_contexts
  set expires_at = clock_timestamp() - p_ago, sandbox_deadline_at = clock_timestamp() - p_ago,
      activated_at = clock_timestamp() - interval '1 day', created_at = clock_timestamp() - interval '1 day'
  where id = pg_temp.id(p_number)
$$;

select is(pg_temp.begin_sleeper(1, 'a'), 'claimed', 'a context begins');
select is(pg_temp.begin_sleeper(2, 'b'), 'claimed', 'and another');
select is(pg_temp.begin_sleeper(3, 'd'), 'quota_exceeded', 'both hold a place');
select pg_temp.fall_asleep(1) \g /dev/null
select is(copilot_internal.state_of(c), 'asleep', 'past its idle deadline it sleeps')
from copilot_internal.execution_contexts c where id = pg_temp.id(1);
select results_eq(
  'select expired_count from copilot_internal.expire_execution_contexts()', 'values (0)', 'and is not due'
);
select is(pg_temp.begin_sleeper(3, 'd'), 'claimed', 'its place is free');
select results_eq(
  $$ select outcome, was_asleep from public.copilot_claim_context(pg_temp.id(9), 'sleep', 'c', 'a', 60, 1800, p_tenant_quota => 2) $$,
  $$ values ('quota_exceeded', null::boolean) $$,
  'without a place it is not woken'
);
select ok(expires_at < clock_timestamp() and terminated_at is null, 'and loses nothing')
from copilot_internal.execution_contexts where id = pg_temp.id(1);
select results_eq(
  $$ select outcome, id, was_asleep from public.copilot_claim_context(pg_temp.id(9), 'sleep', 'c', 'a', 60, 1800, p_tenant_quota => 3) $$,
  $$ values ('reused', pg_temp.id(1), true) $$,
  'with one it is'
);
select results_eq(
  $$ select outcome, was_asleep from public.copilot_claim_context(pg_temp.id(9), 'sleep', 'c', 'a', 60, 1800, p_tenant_quota => 3) $$,
  $$ values ('reused', false) $$,
  'once'
);
select is(
  public.copilot_release_wake(pg_temp.id(1), clock_timestamp()), false, 'nobody gives back what others have used since'
);
select ok(
  public.copilot_release_wake(id, last_used_at), 'who could not wake it gives its place back'
) from copilot_internal.execution_contexts where id = pg_temp.id(1);
select is(copilot_internal.state_of(c), 'asleep', 'and it sleeps on')
from copilot_internal.execution_contexts c where id = pg_temp.id(1);

-- Spans.
select public.copilot_claim_context(pg_temp.id(9), 'sleep', 'c', 'a', 60, 1800, p_tenant_quota => 3) \g /dev/null
select ok(public.copilot_note_sandbox(pg_temp.id(1), 'sandbox 1', 90, 'access'), 'its wake is noted');
select results_eq(
  $$ select count(*)::integer from copilot_internal.sandbox_lives where context_id = pg_temp.id(1) $$, 'values (1)',
  'which ends a span of its life'
);
select ok(woken_at > clock_timestamp() - interval '1 minute', 'and begins another')
from copilot_internal.execution_contexts where id = pg_temp.id(1);

-- What is due.
select pg_temp.fall_asleep(1, '2 hours') \g /dev/null
select results_eq(
  'select expired_count from copilot_internal.expire_execution_contexts()', 'values (1)', 'past its keep it is due'
);
select pg_temp.fall_asleep(2, '10 minutes'), pg_temp.fall_asleep(3, '5 minutes') \g /dev/null
select results_eq(
  'select ended_count from copilot_internal.end_longest_asleep(1)', 'values (1)', 'beyond the quota one ends'
);
select is(termination_reason, 'evicted', 'the one that slept longest')
from copilot_internal.execution_contexts where id = pg_temp.id(2);

-- Branches.
select results_eq(
  $$
    select outcome, forked_from_context_id from public.copilot_claim_context(
      pg_temp.id(4), 'sleep', 'c', 'branch', 60, 1800, p_keep_seconds => 3600, p_tenant_quota => 2, p_from_path_id => 'd'
    )
  $$,
  $$ values ('claimed', pg_temp.id(3)) $$,
  'a branch names its source, which takes a place as well'
);
select is(pg_temp.begin_sleeper(5, 'e'), 'quota_exceeded', 'so none is left');
select results_eq(
  $$ select outcome, id from public.copilot_hold_source(pg_temp.id(4), 60) $$, $$ values ('still', pg_temp.id(3)) $$,
  'nothing runs there'
);
select results_eq(
  $$
    select outcome from public.copilot_claim_context(
      pg_temp.id(9), 'sleep', 'c', 'd', 60, 1800, p_execution_id => pg_temp.id(90), p_language => 'python', p_open_seconds => 60
    )
  $$,
  $$ values ('pending') $$,
  'and nothing begins'
);
select results_eq(
  $$ select outcome from public.copilot_hold_source(pg_temp.id(4), 60) $$, $$ values ('still') $$,
  'what waits for a fork does not hold it up'
);
select is_empty(
  $$ select * from public.copilot_find_orphans(jsonb_build_array(jsonb_build_object('sandbox_id', 'fork', 'context_id', pg_temp.id(3)))) $$,
  'what is of the line of a fork in flight is no orphan'
);
select public.copilot_fail_context(pg_temp.id(4), 'sandbox_timeout', false) \g /dev/null
select ok(public.copilot_let_source_go(pg_temp.id(4), pg_temp.id(3)), 'who could not fork lets its source go');
select isnt_empty(
  $$ select * from public.copilot_find_orphans(jsonb_build_array(jsonb_build_object('sandbox_id', 'fork', 'context_id', pg_temp.id(3)))) $$,
  'and what it left is an orphan'
);
select results_eq(
  $$
    select outcome from public.copilot_claim_context(
      pg_temp.id(9), 'sleep', 'c', 'd', 60, 1800, p_execution_id => pg_temp.id(90), p_language => 'python', p_open_seconds => 60
    )
  $$,
  $$ values ('reused') $$,
  'executions go on'
);
select is(is_waiting, false, 'and the one that waited is known to run')
from copilot_internal.open_executions where id = pg_temp.id(90);

select * from finish();
rollback;
