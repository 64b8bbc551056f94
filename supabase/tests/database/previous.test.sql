-- What a caller is told of the path's context before this one: it must hold for variables, and outlive the row.

begin;
\ir setup.psql
select plan(12);

create function pg_temp.claim(p_number integer)
returns table (previous_termination_reason text, previous_terminated_at timestamptz)
language sql
as $$
  select c.previous_termination_reason, c.previous_terminated_at
  from public.copilot_claim_context(pg_temp.id(p_number), 'previous', 'c', 'p', 60, 1800) c
$$;
-- Whether the claim carries that this context ended, when, and for this reason.
create function pg_temp.carries(p_claim integer, p_ended integer, p_reason text, p_description text)
returns text
language plpgsql
as $$
declare
  v_have jsonb;
  v_want jsonb;
begin
  -- One after the other: results_eq would look at both with one snapshot, and it may be the claim that ends the other.
  select to_jsonb(c) into v_have from pg_temp.claim(p_claim) c;
  select jsonb_build_object('previous_termination_reason', p_reason, 'previous_terminated_at', c.terminated_at) into v_want
  from copilot_internal.execution_contexts c
  where c.id = pg_temp.id(p_ended) and c.termination_reason = p_reason;
  return is(v_have, v_want, p_description);
end
$$;

select results_eq(
  'select * from pg_temp.claim(1)', 'values (null::text, null::timestamptz)', 'a new path has no context before'
);
select public.copilot_activate_context(pg_temp.id(1), 'sandbox 1') \g /dev/null
select public.copilot_terminate_contexts('previous', 'c', 'p') \g /dev/null
select pg_temp.carries(2, 1, 'terminated', 'one was terminated');

select results_eq(
  $$
    select previous_termination_reason, previous_terminated_at
    from public.copilot_activate_context(pg_temp.id(2), 'sandbox 2')
  $$,
  $$ select termination_reason, terminated_at from copilot_internal.execution_contexts where id = pg_temp.id(1) $$,
  'whoever activates is told'
);
select pg_temp.carries(3, 1, 'terminated', 'whoever reuses is told the same');

update copilot_internal.execution_contexts set expires_at = clock_timestamp() where id = pg_temp.id(2);
select pg_temp.carries(3, 2, 'expired', 'one expired: the last one counts, not the first');
select public.copilot_activate_context(pg_temp.id(3), 'sandbox 3') \g /dev/null
select public.copilot_lose_context(pg_temp.id(3), 'sandbox 3') \g /dev/null
select pg_temp.carries(4, 3, 'sandbox_lost', 'one was lost');

-- None of these was ever ready, so the end of the last that was is the news still.
select public.copilot_fail_context(pg_temp.id(4), 'sandbox_unavailable', false) \g /dev/null
select pg_temp.carries(5, 3, 'sandbox_lost', 'a claim that failed is passed over');
update copilot_internal.execution_contexts set expires_at = clock_timestamp() where id = pg_temp.id(5);
select pg_temp.carries(6, 3, 'sandbox_lost', 'a claim that was abandoned is passed over');
select public.copilot_terminate_contexts('previous', 'c', 'p') \g /dev/null
select pg_temp.carries(7, 3, 'sandbox_lost', 'a claim that was terminated is passed over');

delete from copilot_internal.execution_contexts where tenant_id = 'previous' and terminated_at is not null;
select results_eq(
  'select previous_termination_reason, previous_terminated_at is not null from pg_temp.claim(7)',
  $$ values ('sandbox_lost', true) $$,
  'the news outlives the row that it is of'
);
select results_eq(
  $$
    select previous_termination_reason
    from (values ('another', 'c', 'p'), ('previous', 'another', 'p'), ('previous', 'c', 'another')) as key (t, c, p),
      public.copilot_claim_context(gen_random_uuid(), key.t, key.c, key.p, 60, 1800)
  $$,
  'values (null::text), (null), (null)',
  'no other path is told of it'
);
select public.copilot_activate_context(pg_temp.id(7), 'sandbox 7') \g /dev/null
update copilot_internal.execution_contexts set expires_at = clock_timestamp() where id = pg_temp.id(7);
select copilot_internal.expire_execution_contexts() \g /dev/null
select pg_temp.carries(8, 7, 'expired', 'one that was retired by the schedule counts like one that a caller finds expired');

select * from finish();
rollback;
