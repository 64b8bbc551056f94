-- What the sweep works on: deadlines, kills that are owed, sandboxes that nobody owns.

begin;
\ir setup.psql
select plan(25);

-- Counts are exact, so rows that a developer's database holds must be out of the way until the rollback.
delete from copilot_internal.execution_contexts;

-- Deadlines.
select pg_temp.begin_context(n, 'sweep', 'c', 'p' || n, 'sandbox ' || n) from generate_series(1, 5) n \g /dev/null
select is(public.copilot_expire_due_contexts(), 0, 'nothing is retired before its deadline');
update copilot_internal.execution_contexts set expires_at = clock_timestamp() where id <= pg_temp.id(3);
select is(public.copilot_expire_due_contexts(2), 2, 'what is due is retired, so many at a time');
select is(public.copilot_expire_due_contexts(2), 1, 'until none is left');
select is(public.copilot_expire_due_contexts(2), 0, 'and not twice');
select set_eq(
  'select id from copilot_internal.execution_contexts where terminated_at is null',
  array[pg_temp.id(4), pg_temp.id(5)],
  'the others live on'
);

-- Kills.
update copilot_internal.execution_contexts
set terminated_at = clock_timestamp() - make_interval(mins => case id when pg_temp.id(3) then 9 when pg_temp.id(2) then 8 else 7 end)
where terminated_at is not null;
select set_eq(
  'select id, sandbox_id from public.copilot_take_owed_kills(2)',
  $$ values (pg_temp.id(3), 'sandbox 3'), (pg_temp.id(2), 'sandbox 2') $$,
  'the kills that have been owed longest are handed out, so many at a time'
);
select set_eq(
  'select id from public.copilot_take_owed_kills()', array[pg_temp.id(1)], 'what one sweep has taken, another leaves alone'
);
select is_empty('select from public.copilot_take_owed_kills()', 'until nothing is left to take');
update copilot_internal.execution_contexts
set kill_attempted_at = clock_timestamp() - interval '31 s' where id in (pg_temp.id(1), pg_temp.id(2));
select is_empty('select from public.copilot_take_owed_kills(p_retry_seconds := 60)', 'for as long as the one who took it may need');
select ok(public.copilot_confirm_sandbox_killed(pg_temp.id(1), 'sandbox 1'), 'one of them confirms');
select set_eq(
  'select id from public.copilot_take_owed_kills()', array[pg_temp.id(2)],
  'the other may have died: its kill is handed out again, and the confirmed one is not'
);
update copilot_internal.execution_contexts
set kill_attempted_at = case id when pg_temp.id(2) then clock_timestamp() - interval '1 hour' end
where id in (pg_temp.id(2), pg_temp.id(3));
select set_eq(
  'select id from public.copilot_take_owed_kills(1)', array[pg_temp.id(2)],
  'first comes what has waited longest, since it was tried or since it arose'
);
select set_eq(
  'select id from public.copilot_take_owed_kills(1)', array[pg_temp.id(3)], 'so that kills which keep failing hold up none'
);
select public.copilot_terminate_contexts('sweep', 'c', 'p4') \g /dev/null
select is_empty('select from public.copilot_take_owed_kills()', 'who terminates a context has the first go at its kill');
update copilot_internal.execution_contexts set kill_attempted_at = clock_timestamp() - interval '31 s' where id = pg_temp.id(4);
select set_eq(
  'select id from public.copilot_take_owed_kills()', array[pg_temp.id(4)], 'and if it dies, the sweep kills'
);
select pg_temp.begin_context(6, 'sweep', 'c', 'p6', null) \g /dev/null
select public.copilot_terminate_contexts('sweep', 'c', 'p6') \g /dev/null
select public.copilot_lose_context(pg_temp.id(5), 'sandbox 5') \g /dev/null
update copilot_internal.execution_contexts set kill_attempted_at = clock_timestamp() where sandbox_killed_at is null;
select is_empty(
  'select from public.copilot_take_owed_kills()', 'a claim without a sandbox, and a sandbox that is lost, owe no kill'
);

-- Orphans.
select pg_temp.begin_context(11, 'sweep', 'c', 'ready', 'sandbox 11') \g /dev/null
select pg_temp.begin_context(12, 'sweep', 'c', 'creating', null) \g /dev/null
select pg_temp.begin_context(13, 'sweep', 'c', 'late', null) \g /dev/null
update copilot_internal.execution_contexts set expires_at = clock_timestamp() where id = pg_temp.id(13);

create function pg_temp.orphans(p_context integer, p_sandbox_id text)
returns setof text
language sql
as $$
  select o.sandbox_id
  from public.copilot_find_orphans(
    jsonb_build_array(jsonb_build_object('sandbox_id', p_sandbox_id, 'context_id', pg_temp.id(p_context)))
  ) o
  where o.context_id = pg_temp.id(p_context)
$$;

select is_empty($$ select pg_temp.orphans(11, 'sandbox 11') $$, 'a ready context''s sandbox is no orphan');
select set_eq(
  $$ select pg_temp.orphans(11, 'sandbox 11b') $$, array['sandbox 11b'],
  'another one that the same claim made is: only one of them was activated'
);
select is_empty($$ select pg_temp.orphans(12, 'any') $$, 'what a claim in its lease has made may yet be activated');
select is_empty($$ select pg_temp.orphans(13, 'any') $$, 'nor what one past its lease has made, as long as nobody has ended it');
select set_eq($$ select pg_temp.orphans(1, 'sandbox 1') $$, array['sandbox 1'], 'so is what lives on after its kill');
select is_empty($$ select pg_temp.orphans(2, 'sandbox 2') $$, 'what is yet to be killed is none: one sweep has it in hand');
select is_empty(
  $$ select pg_temp.orphans(99, 'any') $$, 'what no claim of ours made is none: the account may serve other deployments'
);
select is_empty($$ select from public.copilot_find_orphans('[]') $$, 'no sandboxes, no orphans');
select set_eq(
  $$
    select o.sandbox_id
    from public.copilot_find_orphans(jsonb_build_array(
      jsonb_build_object('sandbox_id', 'sandbox 11', 'context_id', pg_temp.id(11)),
      jsonb_build_object('sandbox_id', 'sandbox 1', 'context_id', pg_temp.id(1)),
      jsonb_build_object('sandbox_id', 'sandbox 2', 'context_id', pg_temp.id(2)),
      jsonb_build_object('sandbox_id', 'stray', 'context_id', null)
    )) o
  $$,
  array['sandbox 1'],
  'of a whole list, the orphans'
);

select * from finish();
rollback;
