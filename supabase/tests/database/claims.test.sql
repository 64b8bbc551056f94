-- copilot_claim_context: each of its outcomes, and what it leaves behind.

begin;
\ir setup.psql
select plan(29);

-- A claim with a lease of a minute and a default TTL of half an hour.
create function pg_temp.claim(
  p_number integer,
  p_path_id text,
  p_ttl_seconds integer default null,
  p_hold_seconds integer default 0,
  p_awaited integer default null
)
returns setof record
language sql
as $$
  select c.outcome, c.id, c.sandbox_id
  from public.copilot_claim_context(
    pg_temp.id(p_number), 'claims', 'c', p_path_id, 60, 1800, p_ttl_seconds, p_hold_seconds, pg_temp.id(p_awaited)
  ) c
$$;
-- Whether the claim has this outcome and this context, as its row has it after the claim.
create function pg_temp.claimed(p_number integer, p_path_id text, p_outcome text, p_holder integer, p_description text)
returns text
language plpgsql
as $$
declare
  v_have jsonb;
  v_want jsonb;
begin
  -- One after the other: results_eq would look at both with one snapshot.
  select to_jsonb(c) into v_have
  from pg_temp.claim(p_number, p_path_id) as c (outcome text, id uuid, sandbox_id text);
  select jsonb_build_object('outcome', p_outcome, 'id', c.id, 'sandbox_id', c.sandbox_id) into v_want
  from copilot_internal.execution_contexts c where c.id = pg_temp.id(p_holder);
  return is(v_have, v_want, p_description);
end
$$;
-- Moves a context's deadline.
create function pg_temp.deadline(p_number integer, p_from_now interval)
returns void
language sql
as $$
  update copilot_internal.execution_contexts set expires_at = clock_timestamp() + p_from_now
  where id = pg_temp.id(p_number)
$$;
-- The minutes until a context's deadline, rounded up, so that a slow machine does not change them.
create function pg_temp.minutes_left(p_number integer)
returns integer
language sql
as $$
  select ceil(extract(epoch from c.expires_at - clock_timestamp()) / 60)::integer
  from copilot_internal.execution_contexts c where c.id = pg_temp.id(p_number)
$$;

-- A new path.
select pg_temp.claimed(1, 'p', 'claimed', 1, 'a free path is claimed, and the claim''s id is the context''s');
select results_eq(
  $$
    select sandbox_status, sandbox_id, ttl_seconds, activated_at, terminated_at, previous_termination_reason
    from copilot_internal.execution_contexts where id = pg_temp.id(1)
  $$,
  $$ values ('creating', null::text, 1800, null::timestamptz, null::timestamptz, null::text) $$,
  'the claim is a row without a sandbox'
);
select is(pg_temp.minutes_left(1), 1, 'while creating, the deadline is the lease''s end, not the TTL''s');
select pg_temp.claimed(1, 'p', 'claimed', 1, 'the same claim, asked again because its answer was lost, is still that claim');
select is(pg_temp.minutes_left(1), 1, 'and its lease is no longer for it');
select pg_temp.claimed(2, 'p', 'pending', 1, 'everybody else waits');
select is(
  (select count(*)::integer from copilot_internal.execution_contexts where tenant_id = 'claims'), 1,
  'and has left no row'
);
select isnt(current_setting('synchronous_commit'), 'off', 'a claim is durable');

-- Ready.
select lives_ok($$ select public.copilot_activate_context(pg_temp.id(1), 'sandbox 1') $$);
select pg_temp.claimed(2, 'p', 'reused', 1, 'a ready context is reused');
select is(current_setting('synchronous_commit'), 'off', 'a touch need not wait for the disk');
select pg_temp.claimed(1, 'p', 'reused', 1, 'by the one who claimed it, too');

select lives_ok($$
  update copilot_internal.execution_contexts
  set last_used_at = '2026-01-04', expires_at = clock_timestamp() + interval '90 s'
  where id = pg_temp.id(1)
$$);
select pg_temp.claimed(3, 'p', 'reused', 1, 'a context near its deadline is reused');
select results_eq(
  $$
    select last_used_at > clock_timestamp() - interval '1 minute', pg_temp.minutes_left(1)
    from copilot_internal.execution_contexts where id = pg_temp.id(1)
  $$,
  'values (true, 30)',
  'and starts its TTL again'
);
select is(
  (select outcome from pg_temp.claim(3, 'p', 7200, 600) as (outcome text, id uuid, sandbox_id text)), 'reused',
  'a call may ask for another TTL'
);
select is(pg_temp.minutes_left(1), 130, 'and hold the deadline off for an execution');
select is(
  (select outcome from pg_temp.claim(3, 'p', 60) as (outcome text, id uuid, sandbox_id text)), 'reused',
  'or ask for a shorter one'
);
select results_eq(
  $$ select ttl_seconds, pg_temp.minutes_left(1) from copilot_internal.execution_contexts where id = pg_temp.id(1) $$,
  'values (60, 130)',
  'which never brings the deadline forward'
);

-- Past its deadline, with nobody to retire it.
select pg_temp.deadline(1, '0') \g /dev/null
select pg_temp.claimed(4, 'p', 'claimed', 4, 'a path whose context has expired is claimed at once');
select results_eq(
  $$ select sandbox_status, termination_reason, sandbox_killed_at from copilot_internal.execution_contexts where id = pg_temp.id(1) $$,
  $$ values ('terminated', 'expired', null::timestamptz) $$,
  'the old one is expired, and its kill is owed'
);
select pg_temp.deadline(4, '0') \g /dev/null
select pg_temp.claimed(5, 'p', 'claimed', 5, 'so is a path whose claim''s lease ran out');
select results_eq(
  $$ select sandbox_status, termination_reason, sandbox_id from copilot_internal.execution_contexts where id = pg_temp.id(4) $$,
  $$ values ('terminated', 'abandoned', null::text) $$,
  'the old one is abandoned'
);

-- Failed.
select ok(public.copilot_fail_context(pg_temp.id(5), 'sandbox_rate_limited', true, 7), 'a claim fails for good');
select results_eq(
  $$
    select outcome, id, error_code, error_retry_after_seconds
    from public.copilot_claim_context(
      pg_temp.id(6), 'claims', 'c', 'p', 60, 1800, p_awaited_id := pg_temp.id(5)
    )
  $$,
  $$ values ('failed', pg_temp.id(5), 'sandbox_rate_limited', 7) $$,
  'whoever waited for it is told why'
);
select pg_temp.claimed(6, 'p', 'claimed', 6, 'whoever did not wait for it claims');
select ok(public.copilot_fail_context(pg_temp.id(6), 'sandbox_unavailable', false), 'a claim fails for now');
select results_eq(
  $$ select * from pg_temp.claim(7, 'p', p_awaited := 6) as (outcome text, id uuid, sandbox_id text) $$,
  $$ values ('claimed', pg_temp.id(7), null::text) $$,
  'whoever waited for it tries again'
);

select results_eq(
  $$
    select outcome, tenant_id, conversation_id, path_id
    from (values ('claims 2', 'c', 'p'), ('claims', 'c 2', 'p'), ('claims', 'c', 'p 2')) as key (t, c, p),
      public.copilot_claim_context(gen_random_uuid(), key.t, key.c, key.p, 60, 1800)
  $$,
  $$
    values
      ('claimed', 'claims 2', 'c', 'p'), ('claimed', 'claims', 'c 2', 'p'), ('claimed', 'claims', 'c', 'p 2')
  $$,
  'a path is its tenant, its conversation and its own name: no other has been in the way'
);

select * from finish();
rollback;
