-- Each transition that must not happen: it answers with nothing, and changes nothing.

begin;
\ir setup.psql
select plan(40);

-- Whether the call answers with no row, or with false, and leaves every row as it was.
create function pg_temp.refused(p_call text, p_description text)
returns text
language plpgsql
as $$
declare
  v_before jsonb;
  v_after jsonb;
  v_answer jsonb;
begin
  select jsonb_agg(to_jsonb(c) order by c.id) into v_before from copilot_internal.execution_contexts c;
  execute format('select jsonb_agg(to_jsonb(answer)) from %s answer', p_call) into v_answer;
  select jsonb_agg(to_jsonb(c) order by c.id) into v_after from copilot_internal.execution_contexts c;
  return is(
    jsonb_build_object('answer', coalesce(nullif(v_answer, '[false]'), '"nothing"'), 'rows', v_after),
    jsonb_build_object('answer', 'nothing', 'rows', v_before),
    p_description
  );
end
$$;

select pg_temp.begin_context(1, 'refused', 'c', 'creating', null) \g /dev/null
select pg_temp.begin_context(2, 'refused', 'c', 'ready', 'sandbox 2') \g /dev/null
select pg_temp.begin_context(3, 'refused', 'd', 'owed', 'sandbox 3') \g /dev/null
select pg_temp.begin_context(4, 'refused', 'd', 'killed', 'sandbox 4') \g /dev/null
select pg_temp.begin_context(6, 'refused', 'd', 'ended claim', null) \g /dev/null
select public.copilot_terminate_contexts('refused', 'd') \g /dev/null
select public.copilot_confirm_sandbox_killed(pg_temp.id(4), 'sandbox 4') \g /dev/null
select pg_temp.begin_context(5, 'refused', 'd', 'error', null) \g /dev/null
select public.copilot_fail_context(pg_temp.id(5), 'sandbox_unavailable', true) \g /dev/null

select results_eq(
  $$
    select sandbox_status, terminated_at is null, sandbox_id, sandbox_killed_at is null
    from copilot_internal.execution_contexts where tenant_id = 'refused' order by id
  $$,
  $$
    values
      ('creating', true, null, true), ('ready', true, 'sandbox 2', true), ('terminated', false, 'sandbox 3', true),
      ('terminated', false, 'sandbox 4', false), ('error', false, null, true), ('terminated', false, null, true)
  $$,
  'there is a context in each state'
);

-- activate
select pg_temp.refused(
  'public.copilot_activate_context(pg_temp.id(2), ''sandbox 1'')', 'a ready context is not given another sandbox'
);
select pg_temp.refused(
  format('public.copilot_activate_context(pg_temp.id(%s), %L)', n, 'sandbox ' || n),
  format('an ended context (%s) is not activated', state)
)
from (values (3, 'kill owed'), (4, 'killed'), (5, 'error'), (6, 'claim')) as ended (n, state);
select pg_temp.refused('public.copilot_activate_context(pg_temp.id(99), ''s'')', 'an unknown context is not activated');
select throws_ok(
  $$ select public.copilot_activate_context(pg_temp.id(1), null) $$, '23514', null,
  'nothing is activated without a sandbox'
);

-- fail
select pg_temp.refused(
  format('public.copilot_fail_context(pg_temp.id(%s), ''sandbox_unavailable'', false)', n),
  format('a context that is no open claim (%s) does not fail', state)
)
from (values (2, 'ready'), (3, 'kill owed'), (4, 'killed'), (5, 'error'), (6, 'claim'), (99, 'unknown')) as other (n, state);

-- lose
select pg_temp.refused(
  'public.copilot_lose_context(pg_temp.id(2), ''sandbox 1'')', 'a context is not lost for the loss of another sandbox'
);
select pg_temp.refused('public.copilot_lose_context(pg_temp.id(2), null)', 'nor for that of none');
select pg_temp.refused('public.copilot_lose_context(pg_temp.id(1), ''sandbox 1'')', 'a claim has nothing to lose');
select pg_temp.refused('public.copilot_lose_context(pg_temp.id(1), null)', 'not even nothing');
select pg_temp.refused(
  format('public.copilot_lose_context(pg_temp.id(%s), %L)', n, 'sandbox ' || n),
  format('an ended context (%s) is not lost', state)
)
from (values (3, 'kill owed'), (4, 'killed'), (5, 'error'), (6, 'claim')) as ended (n, state);

-- terminate
select pg_temp.refused(
  'public.copilot_terminate_contexts(''another'', p_context_id := pg_temp.id(2))', 'another tenant''s context is not terminated'
);
select pg_temp.refused('public.copilot_terminate_contexts(''another'', ''c'')', 'nor another tenant''s conversation');
select pg_temp.refused('public.copilot_terminate_contexts(null, ''c'')', 'nor anybody''s, for want of a tenant');
select pg_temp.refused('public.copilot_terminate_contexts(''refused'')', 'a tenant''s contexts are not terminated all at once');
select pg_temp.refused(
  'public.copilot_terminate_contexts(''refused'', p_path_id := ''ready'')', 'nor a path of whichever conversation'
);
select pg_temp.refused(
  'public.copilot_terminate_contexts(''refused'', ''d'', p_context_id := pg_temp.id(2))',
  'a context is not terminated as another conversation''s'
);
select pg_temp.refused('public.copilot_terminate_contexts(''refused'', ''d'')', 'what has ended is not terminated again');

-- confirm
select pg_temp.refused(
  format('public.copilot_confirm_sandbox_killed(pg_temp.id(%s), %L)', n, 'sandbox ' || n),
  format('no kill is confirmed that is not owed (%s)', state)
)
from (
  values (1, 'creating'), (2, 'ready'), (4, 'killed'), (5, 'error'), (6, 'claim'), (99, 'unknown')
) as other (n, state);
select pg_temp.refused(
  'public.copilot_confirm_sandbox_killed(pg_temp.id(3), ''sandbox 1'')', 'nor for the kill of another sandbox'
);
select pg_temp.refused('public.copilot_confirm_sandbox_killed(pg_temp.id(3), null)', 'nor for that of none');

-- claim
select pg_temp.refused(
  format($q$
    (
      select c.id
      from public.copilot_claim_context(pg_temp.id(%s), 'refused', 'd', 'new path', 60, 1800) c
      where c.outcome <> 'pending' or c.id is not null
    )
  $q$, n),
  format('a claim that has ended (%s) is not claimed again: whoever held it comes with a new one', state)
)
from (values (3, 'terminated'), (5, 'error'), (6, 'never ready')) as ended (n, state);

select * from finish();
rollback;
