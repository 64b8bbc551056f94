-- Branches: what a fork holds and holds up, what it counts, and what is left of it.

begin;
\ir setup.psql
select plan(18);

-- Claims a path, and activates it.
create function pg_temp.begin_path(
  p_number integer, p_path_id text, p_keep_seconds integer default 3600, p_conversation_id text default 'c'
)
returns void
language plpgsql
as $$
begin
  perform public.copilot_claim_context(
    pg_temp.id(p_number), 'branches', p_conversation_id, p_path_id, 60, 1800, p_keep_seconds => p_keep_seconds
  );
  perform public.copilot_activate_context(pg_temp.id(p_number), 'sandbox ' || p_number, p_sandbox_seconds => 90);
end
$$;
-- Claims a branch.
create function pg_temp.branch(
  p_number integer, p_path_id text, p_from text, p_quota integer default null, p_evict boolean default false,
  p_keep_seconds integer default 3600, p_conversation_id text default 'c'
)
returns table (outcome text, id uuid)
language sql
as $$
  select c.outcome, c.id
  from public.copilot_claim_context(
    pg_temp.id(p_number), 'branches', p_conversation_id, p_path_id, 60, 1800, p_keep_seconds => p_keep_seconds,
    p_conversation_quota => p_quota, p_evict => p_evict, p_from_path_id => p_from
  ) c
$$;
create function pg_temp.fall_asleep(p_number integer, p_sandbox_left interval default interval '0')
returns void
language sql
as $$
  update copilot_internal.execution_contexts
  set expires_at = clock_timestamp(), sandbox_deadline_at = clock_timestamp() + p_sandbox_left,
      activated_at = clock_timestamp() - interval '1 day', created_at = clock_timestamp() - interval '1 day'
  where id = pg_temp.id(p_number)
$$;

-- Places.
select pg_temp.begin_path(1, 'source'), pg_temp.begin_path(2, 'other') \g /dev/null
select pg_temp.fall_asleep(1) \g /dev/null
select results_eq(
  $$ select * from pg_temp.branch(3, 'branch', 'source', 2, true) $$, $$ values ('evicted', pg_temp.id(2)) $$,
  'another path makes room for a source that has to be woken'
);
select public.copilot_confirm_sandbox_killed(pg_temp.id(2), 'sandbox 2') \g /dev/null
select results_eq(
  $$ select * from pg_temp.branch(4, 'branch', 'source', 2, true) $$, $$ values ('claimed', pg_temp.id(4)) $$,
  'and then there is'
);
update copilot_internal.execution_contexts set terminated_at = terminated_at - interval '1 minute' where id = pg_temp.id(2);
select results_eq(
  $$ select outcome from pg_temp.branch(5, 'another', null, 2, true) $$, $$ values ('quota_exceeded') $$,
  'what is being forked makes room for nobody'
);
select is(termination_reason, null, 'so the fork has its source')
from copilot_internal.execution_contexts where id = pg_temp.id(1);

select pg_temp.begin_path(10, 'source', p_conversation_id => 'd') \g /dev/null
select pg_temp.fall_asleep(10, '1 minute') \g /dev/null
select results_eq(
  $$ select outcome from pg_temp.branch(11, 'branch', 'source', 2, p_conversation_id => 'd') $$, $$ values ('claimed') $$,
  'a source whose sandbox runs for a moment after its context fell asleep has one place, not two'
);

-- How long it may sleep is its sandbox's, and that is its source's.
select pg_temp.begin_path(20, 'source', 0, 'e') \g /dev/null
select results_eq(
  $$ select outcome from pg_temp.branch(21, 'branch', 'source', p_conversation_id => 'e') $$, $$ values ('claimed') $$,
  'a branch of what E2B kills at its deadline'
);
select public.copilot_activate_context(pg_temp.id(21), 'sandbox 21', p_sandbox_seconds => 90, p_is_fork => true) \g /dev/null
select is(keep_seconds, 0, 'is not kept asleep either')
from copilot_internal.execution_contexts where id = pg_temp.id(21);
select results_eq(
  $$ select outcome from pg_temp.branch(22, 'empty', 'source', p_conversation_id => 'e') $$, $$ values ('claimed') $$,
  'where the source has nothing to give'
);
select public.copilot_activate_context(pg_temp.id(22), 'sandbox 22', p_sandbox_seconds => 90) \g /dev/null
select is(keep_seconds, 3600, 'its sandbox was made as the settings say')
from copilot_internal.execution_contexts where id = pg_temp.id(22);
select pg_temp.begin_path(23, 'source', 3600, 'f') \g /dev/null
select results_eq(
  $$ select outcome from pg_temp.branch(24, 'branch', 'source', p_keep_seconds => 0, p_conversation_id => 'f') $$,
  $$ values ('claimed') $$,
  'a branch of what E2B pauses at its deadline, since nothing is kept'
);
select public.copilot_fail_context(pg_temp.id(24), 'sandbox_timeout', false) \g /dev/null
update copilot_internal.execution_contexts
set terminated_at = clock_timestamp() - interval '1 hour', may_live_until = clock_timestamp() - interval '1 hour'
where id = pg_temp.id(24);
update copilot_internal.sweep_place set walked_at = clock_timestamp() - interval '2 hours';
select is(copilot_internal.has_left_nothing(c), false, 'what it has left is paused, until a sweep finds it')
from copilot_internal.execution_contexts c where id = pg_temp.id(24);
update copilot_internal.sweep_place set walked_at = clock_timestamp();
select is(copilot_internal.has_left_nothing(c), true, 'and then it is gone')
from copilot_internal.execution_contexts c where id = pg_temp.id(24);

-- A source that waits with its fork stays awake for it.
select pg_temp.begin_path(30, 'source', 0, 'g') \g /dev/null
select outcome from pg_temp.branch(31, 'branch', 'source', p_conversation_id => 'g') \g /dev/null
update copilot_internal.execution_contexts set expires_at = clock_timestamp() + interval '1 second' where id = pg_temp.id(30);
select results_eq(
  $$ select outcome from public.copilot_hold_source(pg_temp.id(31), 60) $$, $$ values ('still') $$,
  'a source that is about to expire'
);
select ok(expires_at > clock_timestamp() + interval '50 seconds', 'does not, while it is held')
from copilot_internal.execution_contexts where id = pg_temp.id(30);

-- What nobody may keep asleep.
select pg_temp.begin_path(40, 'due', 0, 'h') \g /dev/null
select pg_temp.fall_asleep(40) \g /dev/null
select copilot_internal.end_longest_asleep(0) \g /dev/null
select is(termination_reason, null, 'what is due does not sleep, and is not evicted')
from copilot_internal.execution_contexts where id = pg_temp.id(40);

-- Walks through E2B's list.
create temp table walks as select 1 as walk, * from public.copilot_sweep_place();
insert into walks select 2, * from public.copilot_sweep_place();
select public.copilot_move_sweep_place(false, null, walk_began_at) from walks where walk = 1 \g /dev/null
select public.copilot_move_sweep_place(true, null, walk_began_at) from walks where walk = 2 \g /dev/null
select is(p.walked_at, w.walk_began_at, 'of two sweeps at the same time, the one counts that left no orphan behind')
from copilot_internal.sweep_place p, walks w where w.walk = 2;
insert into walks select 3, * from public.copilot_sweep_place();
insert into walks select 4, * from public.copilot_sweep_place();
select public.copilot_move_sweep_place(true, null, walk_began_at) from walks where walk = 4 \g /dev/null
select public.copilot_move_sweep_place(true, null, walk_began_at) from walks where walk = 3 \g /dev/null
select is(p.walked_at, w.walk_began_at, 'and the later one, whichever ends first')
from copilot_internal.sweep_place p, walks w where w.walk = 4;
select public.copilot_move_sweep_place(false, 'page 2', walk_began_at) from walks where walk = 4 \g /dev/null
select is(walk_began_at, null, 'a walk that left one behind says so to the next sweep') from public.copilot_sweep_place();

select * from finish();
rollback;
