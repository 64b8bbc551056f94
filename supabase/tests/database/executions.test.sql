-- The ledger of executions: what begins, how it ends, whether a kernel is in use, and that it had to be restarted.

begin;
\ir setup.psql
select plan(111);

-- Begins an execution whose end will be noted within a minute. Returns how variables were lost before.
create function pg_temp.start(
  p_number integer, p_context integer default 1, p_language text default 'python', p_count integer default null,
  p_elapsed_ms integer default 0
)
returns text
language sql
as $$
  select coalesce(
    (
      select previous_termination_reason
      from public.copilot_start_execution(pg_temp.id(p_number), pg_temp.id(p_context), p_language, 60000, p_elapsed_ms, p_count)
    ),
    'nothing lost'
  )
$$;
create function pg_temp.finish(p_number integer, p_status text default 'ok', p_context integer default 1)
returns boolean
language sql
as $$ select public.copilot_finish_execution(pg_temp.id(p_number), pg_temp.id(p_context), 'python', p_status, 1500, 70) $$;
create temp view ledger as select * from copilot_internal.executions where tenant_id = 'executions';

select pg_temp.begin_context(1, 'executions', 'c', 'p', 'sandbox 1') \g /dev/null
select pg_temp.begin_context(2, 'executions', 'c', 'p 2', 'sandbox 2') \g /dev/null

-- Start.
select is(pg_temp.start(101), 'nothing lost', 'an execution begins');
select results_eq(
  $$
    select
      context_id, conversation_id, path_id, language, status, finished_at, duration_ms, output_bytes, error_name
    from ledger where id = pg_temp.id(101)
  $$,
  $$
    values
      (pg_temp.id(1), 'c', 'p', 'python', 'running', null::timestamptz, null::integer, null::bigint, null::text)
  $$,
  'and is noted as running, on its context''s path'
);
select results_eq(
  $$
    select
      started_at between clock_timestamp() - interval '1 minute' and clock_timestamp(),
      deadline_at - started_at between interval '59 s' and interval '61 s'
    from ledger where id = pg_temp.id(101)
  $$,
  'values (true, true)',
  'since now, and until when its end will be noted'
);
create temp table before as select * from ledger;
select is(pg_temp.start(101, 2, 'r'), 'nothing lost', 'to begin it again is no error');
select is(pg_temp.start(102, 99), 'nothing lost', 'in a context that does not exist nothing begins');
select results_eq('select * from ledger', 'select * from before', 'and neither changes the ledger');

-- Finish.
select ok(
  public.copilot_finish_execution(pg_temp.id(101), pg_temp.id(1), 'python', 'error', 1234, 5000000000, 'ValueError'), 'it ends'
);
select results_eq(
  $$
    select status, finished_at between started_at and clock_timestamp(), duration_ms, output_bytes, error_name
    from ledger where id = pg_temp.id(101)
  $$,
  $$ values ('error', true, 1234, 5000000000, 'ValueError') $$,
  'as its caller says'
);
select results_eq(
  'select id, context_id, path_id, language, started_at, deadline_at from ledger',
  'select id, context_id, path_id, language, started_at, deadline_at from before',
  'its beginning stays as it was'
);
select pg_temp.start(101) \g /dev/null
select is(status, 'error', 'its beginning, told late, does not make it run on') from ledger where id = pg_temp.id(101);

select ok(pg_temp.finish(101), 'its end may be told again');
select results_eq(
  'select id, status, duration_ms, output_bytes, error_name from ledger',
  $$ values (pg_temp.id(101), 'ok', 1500, 70::bigint, null::text) $$,
  'which is no second execution: the last word counts'
);

select ok(pg_temp.finish(103), 'one whose beginning could not be noted ends');
select results_eq(
  $$
    select
      context_id, conversation_id, path_id, language, status,
      finished_at - started_at between interval '1.4 s' and interval '1.6 s', duration_ms, output_bytes
    from ledger where id = pg_temp.id(103)
  $$,
  $$ values (pg_temp.id(1), 'c', 'p', 'python', 'ok', true, 1500, 70::bigint) $$,
  'and began as long before as it took'
);
select pg_temp.start(103) \g /dev/null
select is(status, 'ok', 'to note its beginning after that changes nothing') from ledger where id = pg_temp.id(103);
select ok(not pg_temp.finish(104, 'ok', 99), 'in a context that does not exist nothing ends');
select is_empty($$ select from copilot_internal.executions where id = pg_temp.id(104) $$, 'nor is it noted');

select pg_temp.start(105) \g /dev/null
update copilot_internal.executions set deadline_at = clock_timestamp() where id = pg_temp.id(105);
select copilot_internal.retire_lost_executions() \g /dev/null
select results_eq(
  $$ select status, finished_at is not null, duration_ms from ledger where id = pg_temp.id(105) $$,
  $$ values ('lost', true, null::integer) $$,
  'one whose time is over is taken for lost'
);
select ok(pg_temp.finish(105, 'timed_out'), 'then its end is told after all');
select results_eq(
  $$ select status, duration_ms from ledger where id = pg_temp.id(105) $$, $$ values ('timed_out', 1500) $$,
  'and counts'
);

select ok(pg_temp.finish(110 + n, status), format('an execution may end %s', status))
from (values (1, 'ok'), (2, 'error'), (3, 'timed_out'), (4, 'cancelled'), (5, 'lost'), (6, 'cut_off')) as known (n, status)
order by n;
select throws_ok(
  format('select pg_temp.finish(120, %L)', status), '23514', null, format('it does not end %s', status)
)
from (values ('running'), ('paused')) as wrong (status);
select throws_ok(
  $$ update copilot_internal.executions set finished_at = null where id = pg_temp.id(101) $$, '23514',
  'new row for relation "executions" violates check constraint "executions_running_or_finished"',
  'what has ended has done so at some time'
);

select public.copilot_terminate_contexts('executions', 'c', 'p 2') \g /dev/null
select ok(pg_temp.finish(130, 'lost', 2), 'an execution may end after its context');
delete from copilot_internal.execution_contexts where id = pg_temp.id(2);
select is(path_id, 'p 2', 'and is still in the ledger when that is deleted') from ledger where id = pg_temp.id(130);

-- Whether a kernel is in use. Execution 200 finds it silent.
select pg_temp.begin_context(3, 'executions', 'c', 'p 3', 'sandbox 3') \g /dev/null
create function pg_temp.in_use(p_number integer, p_context integer default 3, p_language text default 'python')
returns boolean
language sql
as $$ select public.copilot_is_kernel_in_use(pg_temp.id(p_number), pg_temp.id(p_context), p_language, 10000) $$;
-- Moves an execution's beginning and deadline.
create function pg_temp.move(p_number integer, p_began interval, p_due interval)
returns void
language sql
as $$
  update copilot_internal.executions
  set started_at = clock_timestamp() - p_began, deadline_at = clock_timestamp() + p_due
  where id = pg_temp.id(p_number)
$$;

-- Without a row of its own it never began, and waits for whatever the kernel does.
select ok(not pg_temp.in_use(200), 'a kernel in which nothing began is not in use');
select pg_temp.start(202, 3) \g /dev/null
select ok(pg_temp.in_use(200), 'what began just now and is running has it');
select pg_temp.move(202, '9 s', '0') \g /dev/null
select ok(pg_temp.in_use(200), 'even when nobody is alive any more who would note its end');
select pg_temp.move(202, '11 s', '1 min') \g /dev/null
select ok(pg_temp.in_use(200), 'what began long ago and is running has it, while its request is alive');
select ok(not pg_temp.in_use(202), 'but is not in its own way');
select pg_temp.move(202, '11 s', '0') \g /dev/null
select ok(not pg_temp.in_use(200), 'nor in anybody''s when its request is dead');
select pg_temp.move(202, '9 s', '1 min') \g /dev/null
select pg_temp.finish(202, 'ok', 3) \g /dev/null
select ok(pg_temp.in_use(200), 'what began just now and has ended shows that the kernel serves others');
select pg_temp.move(202, '11 s', '1 min') \g /dev/null
select ok(not pg_temp.in_use(200), 'what began and ended some time ago does not');

-- With one, it had the kernel to itself.
select pg_temp.start(200, 3) \g /dev/null
select ok(not pg_temp.in_use(200), 'it is not in use for the one who asks and alone has begun of late');
select ok(pg_temp.in_use(201), 'for everybody else it is');
select pg_temp.start(203, 3) \g /dev/null
select pg_temp.move(203, '11 s', '1 min') \g /dev/null
select ok(not pg_temp.in_use(200), 'what began long before has let go of it, noted or not: a kernel runs one at a time');
select pg_temp.move(203, '9 s', '1 min') \g /dev/null
select ok(pg_temp.in_use(200), 'what began within the time has it');
select pg_temp.move(200, '8 s', '1 min') \g /dev/null
select ok(pg_temp.in_use(200), 'before this one or after');
select pg_temp.finish(203, 'ok', 3) \g /dev/null
select ok(pg_temp.in_use(200), 'also when it has ended');
select pg_temp.move(203, '11 s', '1 min') \g /dev/null
select ok(not pg_temp.in_use(200), 'but not when that was some time ago');
select pg_temp.finish(200, 'ok', 3) \g /dev/null
select pg_temp.start(204, 3) \g /dev/null
select pg_temp.move(204, '11 s', '1 min') \g /dev/null
select ok(not pg_temp.in_use(200), 'one that has ended has a row of its own too');
select pg_temp.finish(204, 'ok', 3) \g /dev/null
select pg_temp.move(200, '11 s', '0') \g /dev/null

-- Several at once: none hides another.
select pg_temp.start(n, 3) from generate_series(211, 214) n \g /dev/null
select pg_temp.move(211, '5 min', '1 min') \g /dev/null
select pg_temp.move(212, '4 min', '1 min'), pg_temp.finish(212, 'ok', 3) \g /dev/null
select pg_temp.move(213, '3 min', '-1 min') \g /dev/null
select pg_temp.move(214, '2 min', '-1 min'), pg_temp.finish(214, 'lost', 3) \g /dev/null
select ok(pg_temp.in_use(201), 'what runs long is not hidden by short ones that began later and have ended, or died');
select ok(not pg_temp.in_use(211), 'for the long one itself they are past');
select pg_temp.finish(211, 'ok', 3) \g /dev/null
select ok(not pg_temp.in_use(201), 'when it has ended too, none is left');
select pg_temp.move(212, '9 s', '0') \g /dev/null
select ok(pg_temp.in_use(201), 'any of them that began just now counts');
select pg_temp.move(212, '4 min', '0') \g /dev/null

select pg_temp.start(221, 3, 'r') \g /dev/null
select pg_temp.start(222, 1) \g /dev/null
select ok(not pg_temp.in_use(201), 'a kernel is of one language, and of one context');
select pg_temp.move(221, '11 s', '1 min'), pg_temp.move(222, '11 s', '1 min') \g /dev/null
select ok(not pg_temp.in_use(201), 'whatever runs in the others');
select ok(pg_temp.in_use(201, 3, 'r'), 'the other language''s is in use');
select ok(pg_temp.in_use(201, 1), 'and so is the other context''s');
select ok(not pg_temp.in_use(201, 1, 'r'), 'but not the other context''s of the other language');

-- A kernel that is restarted loses its variables.
create function pg_temp.previous(p_path_id text, p_claim integer default 900)
returns text
language sql
as $$
  select c.outcome || ', ' || coalesce(c.previous_termination_reason, 'nothing')
  from public.copilot_claim_context(pg_temp.id(p_claim), 'executions', 'c', p_path_id, 60, 1800) c
$$;
select ok(public.copilot_note_kernel_restart(pg_temp.id(900), pg_temp.id(3), 'python') is not null, 'a kernel''s restart is noted');
select is(pg_temp.previous('p 3'), 'reused, kernel_restarted', 'and whoever uses the context next is told');
select results_eq(
  format('select previous_termination_reason, previous_terminated_at from public.copilot_start_execution(%L, %L, %L, 60000)', pg_temp.id(301), pg_temp.id(3), 'python'),
  $$
    select previous_termination_reason, previous_terminated_at
    from copilot_internal.execution_contexts where id = pg_temp.id(3)
  $$,
  'and so is what was in line for the kernel, when it begins'
);
select is(pg_temp.start(301, 3), 'kernel_restarted', 'however often its beginning is noted');
select ok(
  previous_terminated_at between clock_timestamp() - interval '1 minute' and clock_timestamp() and terminated_at is null,
  'with the time; the context lives on'
)
from copilot_internal.execution_contexts where id = pg_temp.id(3);
select public.copilot_terminate_contexts('executions', 'c', 'p 3') \g /dev/null
select ok(public.copilot_note_kernel_restart(pg_temp.id(900), pg_temp.id(3), 'python') is null, 'of a context that has ended no restart is noted');
select is(
  pg_temp.previous('p 3', 4), 'claimed, terminated', 'the next one''s callers are told how it ended, which came later'
);
select public.copilot_activate_context(pg_temp.id(4), 'sandbox 4') \g /dev/null
select public.copilot_note_kernel_restart(pg_temp.id(900), pg_temp.id(4), 'python') \g /dev/null
select is(pg_temp.previous('p 3'), 'reused, kernel_restarted', 'until a kernel is restarted again');
select ok(public.copilot_note_kernel_restart(pg_temp.id(900), pg_temp.id(99), 'python') is null, 'a context that does not exist has no kernel');

-- A kernel that was restarted without anybody's notice counts anew.
select pg_temp.begin_context(5, 'executions', 'c', 'p 5', 'sandbox 5') \g /dev/null
create function pg_temp.lost()
returns timestamptz
language sql
as $$ select previous_terminated_at from copilot_internal.execution_contexts where id = pg_temp.id(5) $$;
select is(pg_temp.start(400 + n, 5, 'python', n), 'nothing lost', 'numbers that rise are those of one kernel')
from generate_series(1, 3) n;
select is(execution_count, 3, 'they are kept') from ledger where id = pg_temp.id(403);
select is(pg_temp.start(405, 5, 'python', 5), 'nothing lost', 'so are numbers with a gap');
select is(pg_temp.start(404, 5, 'python', 4), 'nothing lost', 'and one that is noted after the next one');
select is(pg_temp.start(407, 5, 'python'), 'nothing lost', 'and none');
select is(pg_temp.start(408, 5, 'r', 1), 'nothing lost', 'each language''s kernel counts for itself');
select is(pg_temp.lost(), null, 'so nothing is noted');

select is(pg_temp.start(411, 5, 'python', 1), 'kernel_restarted', 'a number that comes again is that of another kernel');
create temp table found as select pg_temp.lost() as at;
select is(at, started_at, 'which is noted as of then') from found, ledger where id = pg_temp.id(411);
select set_eq(
  $$ select path_id, language, id from ledger where execution_count is not null $$,
  $$ values ('p 5', 'r', pg_temp.id(408)), ('p 5', 'python', pg_temp.id(411)) $$,
  'of what the old one numbered nothing is left; other languages'' stays'
);
select is(pg_temp.start(411, 5, 'python', 1), 'kernel_restarted', 'it may be told again');
select is(pg_temp.start(410 + n, 5, 'python', n), 'kernel_restarted', 'the new kernel''s numbers rise too')
from generate_series(2, 5) n;
select pg_temp.start(401, 5, 'python', 1) \g /dev/null
select is(pg_temp.lost(), at, 'none of it is another restart, nor what the old one began, told again') from found;
select pg_temp.start(421, 5, 'python', 1) \g /dev/null
select ok(pg_temp.lost() > at, 'the next one is noted in its turn') from found;
update found set at = pg_temp.lost();
select pg_temp.start(422, 5, 'python', 1) \g /dev/null
select ok(pg_temp.lost() > at, 'also after a single execution') from found;
update found set at = pg_temp.lost();

-- Some numbers are not noted: those of the questions that the functions ask the kernel.
select pg_temp.start(420 + n, 5, 'python', n) from (values (3), (5)) as odd (n) \g /dev/null
select pg_temp.start(426, 5, 'python', 2) \g /dev/null
select is(pg_temp.lost(), at, 'a number lower than one of just now may only be late') from found;
select pg_temp.move(425, '2 min', '1 min') \g /dev/null
select pg_temp.start(427, 5, 'python', 4) \g /dev/null
select ok(pg_temp.lost() > at, 'one lower than that of an execution of long ago is that of another kernel') from found;
update found set at = pg_temp.lost();

select pg_temp.start(431, 5, 'python', 6) \g /dev/null
select pg_temp.start(432, 5, 'python', 6, 30000) \g /dev/null
select is(pg_temp.lost(), at, 'what is noted late began before the others, whose kernel may be a new one') from found;
select ok(
  clock_timestamp() - started_at between interval '29 s' and interval '31 s'
    and deadline_at - started_at between interval '59 s' and interval '61 s',
  'and is noted with the time when it began'
)
from ledger where id = pg_temp.id(432);

-- What is noted by two is told once.
select pg_temp.start(441, 5, 'python', 7) \g /dev/null
select ok(public.copilot_note_kernel_restart(pg_temp.id(441), pg_temp.id(5), 'python') is not null, 'an execution''s kernel is restarted');
select ok(pg_temp.lost() > at, 'which is noted') from found;
update found set at = pg_temp.lost();
select is(pg_temp.start(442, 5, 'python', 8, 1000), 'nothing lost', 'what began before that is not told of it');
select is(pg_temp.lost(), at, 'nor is it another restart') from found;
select pg_temp.start(450 + n, 5, 'python', n) from (values (6), (7)) as again (n) \g /dev/null
select is(pg_temp.lost(), at, 'numbers from before that may come again') from found;
select pg_temp.start(461, 5, 'python', 6) \g /dev/null
select ok(pg_temp.lost() > at, 'the next restart is found out by the next execution') from found;
update found set at = pg_temp.lost();
select ok(public.copilot_note_kernel_restart(pg_temp.id(457), pg_temp.id(5), 'python') is not null, 'and then noted by the last one');
select is(pg_temp.lost(), at, 'which is none after that') from found;

select public.copilot_terminate_contexts('executions', 'c', 'p 5') \g /dev/null
select pg_temp.start(471, 5, 'python', 6) \g /dev/null
select is(pg_temp.lost(), at, 'in a context that has ended nothing is noted') from found;

-- What variables there are.
select pg_temp.begin_context(n, 'states', 'c', 'p' || n, 'states ' || n) from generate_series(601, 602) n \g /dev/null
create function pg_temp.state(p_context integer)
returns uuid
language sql
as $$ select state_id from copilot_internal.execution_contexts where id = pg_temp.id(p_context) $$;
create temp table state as select pg_temp.state(601) as first, pg_temp.state(602) as other;
select ok(first <> other, 'each context has variables of its own') from state;
select public.copilot_start_execution(pg_temp.id(610), pg_temp.id(601), 'python', 60000, 0, 7) \g /dev/null
select results_eq(
  $$ select * from public.copilot_kernel_state(pg_temp.id(611), pg_temp.id(601), 'python', 8) $$,
  $$ select first, null::text, null::timestamptz from state $$,
  'they are there while the kernel counts on'
);
select results_eq(
  $$ select state_id from public.copilot_kernel_state(pg_temp.id(611), pg_temp.id(601), 'python') $$,
  $$ select first from state $$,
  'or does not say how far it has counted'
);
select pg_temp.begin_context(603, 'states', 'c', 'p603', 'states 603') \g /dev/null
create temp table counted as select pg_temp.state(603) as id;
select public.copilot_start_execution(pg_temp.id(620), pg_temp.id(603), 'python', 60000, 0, 2) \g /dev/null
create temp table claimed as select clock_timestamp() as at;
select public.copilot_finish_execution(pg_temp.id(620), pg_temp.id(603), 'python', 'ok', 1, 0) \g /dev/null
select results_eq(
  $$ select state_id = id from public.copilot_kernel_state(pg_temp.id(621), pg_temp.id(603), 'python', 1, (select at from claimed)), counted $$,
  $$ values (true) $$,
  'a lower number may have been given before that of what had not ended when it was asked for'
);
select results_eq(
  $$ select state_id = id from public.copilot_kernel_state(pg_temp.id(621), pg_temp.id(603), 'python', 1, clock_timestamp()), counted $$,
  $$ values (false) $$,
  'but not after it had: then it is a new kernel''s, though there never was a first one in the ledger'
);
select public.copilot_start_execution(pg_temp.id(622), pg_temp.id(603), 'python', 60000, 0, 4),
  public.copilot_finish_execution(pg_temp.id(622), pg_temp.id(603), 'python', 'ok', 1, 0) \g /dev/null
update counted set id = pg_temp.state(603);
select results_eq(
  $$
    select previous_termination_reason, state_id = id
    from public.copilot_start_execution(pg_temp.id(623), pg_temp.id(603), 'python', 60000, 0, 1, clock_timestamp()), counted
  $$,
  $$ values ('kernel_restarted', false) $$,
  'an execution that begins with it finds that out, too'
);
select results_eq(
  $$
    select state_id = pg_temp.state(601), state_id <> first, previous_termination_reason
    from public.copilot_kernel_state(pg_temp.id(611), pg_temp.id(601), 'python', 7), state
  $$,
  $$ values (true, true, 'kernel_restarted') $$,
  'a number that comes again is a new kernel''s, and its variables are others'
);
create temp table second as select pg_temp.state(601) as id;
select results_eq(
  $$ select state_id from public.copilot_kernel_state(pg_temp.id(611), pg_temp.id(601), 'python', 7) $$, 'select id from second',
  'which is found out once'
);
select ok(
  public.copilot_note_kernel_restart(pg_temp.id(612), pg_temp.id(601), 'python') = pg_temp.state(601)
    and pg_temp.state(601) <> id,
  'a restart tells what those to come are called'
)
from second;
select is(pg_temp.state(602), other, 'another context''s are what they were') from state;
update second set id = pg_temp.state(601);
select public.copilot_terminate_contexts('states', 'c') \g /dev/null
select results_eq(
  $$ select previous_termination_reason from public.copilot_loss_of_state('states', 'c', 'p601', (select id from second)) $$,
  $$ values ('terminated') $$, 'how they went is known as long as their context''s row is'
);
select is_empty(
  $$ select from public.copilot_loss_of_state('states', 'c', 'p602', (select id from second)) $$, 'on their path'
);
select is_empty(
  $$ select from public.copilot_kernel_state(pg_temp.id(611), pg_temp.id(601), 'python', 8) $$,
  'a context that has ended has none'
);

select * from finish();
rollback;
