-- How long sandboxes lived: noted when a context ends, whichever way, and extended when the kill is confirmed.

begin;
\ir setup.psql
select plan(31);

create temp view lives as select * from copilot_internal.sandbox_lives where tenant_id = 'lives';
-- Whether there is one life of the context, from its activation until the time that this column of it has.
create function pg_temp.lived_until(p_number integer, p_column text, p_description text)
returns text
language sql
as $$
  select is(
    (select jsonb_agg(to_jsonb(l)) from lives l where l.context_id = pg_temp.id(p_number)),
    (
      select jsonb_build_array(jsonb_build_object(
        'context_id', c.id, 'tenant_id', c.tenant_id, 'conversation_id', c.conversation_id, 'path_id', c.path_id,
        'started_at', c.activated_at, 'ended_at', to_jsonb(c) -> p_column
      ))
      from copilot_internal.execution_contexts c where c.id = pg_temp.id(p_number)
    ),
    p_description
  )
$$;

-- Each way to end.
select pg_temp.begin_context(n, 'lives', 'c', 'p' || n, 'sandbox ' || n) from generate_series(1, 9) n \g /dev/null
select is_empty('select from lives', 'a life that goes on is not noted');

select public.copilot_terminate_contexts('lives', 'c', 'p1') \g /dev/null
select pg_temp.lived_until(1, 'terminated_at', 'a sandbox whose context is terminated lived until then');
select public.copilot_confirm_sandbox_killed(pg_temp.id(1), 'sandbox 1') \g /dev/null
select pg_temp.lived_until(1, 'sandbox_killed_at', 'or until its kill is confirmed');
select cmp_ok(ended_at, '>', terminated_at, 'which is later')
from lives join copilot_internal.execution_contexts on id = context_id where id = pg_temp.id(1);
create temp table known as select * from lives;
select public.copilot_confirm_sandbox_killed(pg_temp.id(1), 'sandbox 1') \g /dev/null
select public.copilot_terminate_contexts('lives', 'c', 'p1') \g /dev/null
select results_eq('select * from lives', 'select * from known', 'neither transition, asked for again, moves its end');

select public.copilot_lose_context(pg_temp.id(2), 'sandbox 2') \g /dev/null
select pg_temp.lived_until(2, 'sandbox_killed_at', 'one that is lost lived until E2B said so');
select public.copilot_lose_context(pg_temp.id(3), 'sandbox 3', false) \g /dev/null
select pg_temp.lived_until(3, 'terminated_at', 'one that is only being killed lived until then');
select public.copilot_confirm_sandbox_killed(pg_temp.id(3), 'sandbox 3') \g /dev/null
select pg_temp.lived_until(3, 'sandbox_killed_at', 'and a little longer, when that is confirmed');

-- Past the deadline: E2B has ended the sandbox by itself.
update copilot_internal.execution_contexts
set activated_at = now() - interval '3 hours', expires_at = now() - interval '1 hour'
where id in (pg_temp.id(4), pg_temp.id(5));
select copilot_internal.expire_execution_contexts() \g /dev/null
select pg_temp.lived_until(n, 'expires_at', 'one that expired lived until its deadline, however late that is noticed')
from generate_series(4, 5) n;
select public.copilot_confirm_sandbox_killed(pg_temp.id(4), 'sandbox 4') \g /dev/null
select pg_temp.lived_until(4, 'expires_at', 'the confirmation of its kill does not make it live longer');
select results_eq(
  $$ select ended_at - started_at from lives where context_id = pg_temp.id(4) $$, $$ values (interval '2 hours') $$,
  'it lived for as long as that is'
);

update copilot_internal.execution_contexts
set activated_at = now() - interval '3 hours', expires_at = now() - interval '1 hour'
where id in (pg_temp.id(6), pg_temp.id(7));
select outcome from public.copilot_claim_context(pg_temp.id(16), 'lives', 'c', 'p6', 60, 1800) \g /dev/null
select pg_temp.lived_until(6, 'expires_at', 'one that a caller finds expired counts like one that the schedule retires');
select public.copilot_terminate_contexts('lives', 'c', 'p7') \g /dev/null
select pg_temp.lived_until(7, 'expires_at', 'so does one that is terminated after its deadline');
select is_empty('select from lives where context_id = pg_temp.id(16)', 'the new claim has not lived yet');

update copilot_internal.execution_contexts set expires_at = activated_at - interval '1 s' where id = pg_temp.id(8);
select public.copilot_terminate_contexts('lives', 'c', 'p8') \g /dev/null
select pg_temp.lived_until(8, 'activated_at', 'no life ends before it began');

-- What never had a sandbox.
select pg_temp.begin_context(20 + n, 'lives', 'never', 'p' || n, null) from generate_series(1, 3) n \g /dev/null
select ok(public.copilot_fail_context(pg_temp.id(21), 'sandbox_unavailable', true), 'a claim fails');
update copilot_internal.execution_contexts set expires_at = clock_timestamp() where id = pg_temp.id(22);
select cmp_ok(
  (select expired_count from copilot_internal.expire_execution_contexts()), '>=', 1, 'another is abandoned'
);
select isnt_empty($$ select public.copilot_terminate_contexts('lives', 'never', 'p3') $$, 'a third is terminated');
select is_empty($$ select from lives where conversation_id = 'never' $$, 'none of them has lived');

-- The record outlives the context, and is always in order.
delete from copilot_internal.execution_contexts where id = pg_temp.id(1);
select results_eq(
  'select * from lives where context_id = pg_temp.id(1)', 'select * from known', 'a life outlasts its context''s row'
);
select throws_ok(
  'update copilot_internal.sandbox_lives set ended_at = started_at - interval ''1 s''', '23514',
  'new row for relation "sandbox_lives" violates check constraint "sandbox_lives_order"',
  'nobody can write one that ends before it began'
);

-- Only an end is looked at: from here on the trigger's function says that it was called.
create or replace function copilot_internal.note_last_life()
returns trigger
language plpgsql
as $$
begin
  raise exception 'called';
end
$$;
select lives_ok(
  $$ select pg_temp.begin_context(32, 'lives', 'd', 'p', 'sandbox 32') $$, 'neither a claim nor an activation calls it'
);
select results_eq(
  $$ select outcome from public.copilot_claim_context(pg_temp.id(33), 'lives', 'd', 'p', 60, 1800) $$,
  $$ values ('reused') $$,
  'nor does a touch'
);
select ok(public.copilot_note_kernel_restart(pg_temp.id(900), pg_temp.id(32), 'python') is not null, 'nor a restart of the kernel');
select pg_temp.begin_context(34, 'lives', 'd', 'claim', null) \g /dev/null
select isnt_empty(
  $$ select public.copilot_terminate_contexts('lives', 'd', 'claim') $$, 'nor the end of a claim without a sandbox'
);
select cmp_ok(
  (select count(*)::integer from public.copilot_take_owed_kills(1000)), '>=', 1, 'nor that somebody takes a kill on'
);
select throws_ok(
  $$ select public.copilot_terminate_contexts('lives', 'd', 'p') $$, 'P0001', 'called', 'a termination does'
);
select throws_ok(
  $$ select public.copilot_lose_context(pg_temp.id(32), 'sandbox 32') $$, 'P0001', 'called', 'and a loss'
);
select throws_ok(
  $$ select public.copilot_confirm_sandbox_killed(pg_temp.id(5), 'sandbox 5') $$, 'P0001', 'called', 'and a confirmed kill'
);
select is_empty(
  $$ select from copilot_internal.execution_contexts where id = pg_temp.id(32) and terminated_at is not null $$,
  'what cannot be noted has not ended'
);

select * from finish();
rollback;
