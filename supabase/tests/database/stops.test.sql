-- Executions that are open, and their end by name; an interrupt that can hit no other.

begin;
\ir setup.psql
select plan(36);

-- A claim for an execution on a path of conversation c.
create function pg_temp.open(p_number integer, p_path_id text default 'p', p_tenant_id text default 'stops', p_language text default 'python')
returns text
language sql
as $$
  select c.outcome
  from public.copilot_claim_context(
    pg_temp.id(p_number + 1000), p_tenant_id, 'c', p_path_id, 60, 1800,
    p_execution_id := pg_temp.id(p_number), p_language := p_language, p_open_seconds := 60
  ) c
$$;
create function pg_temp.stop(p_path_id text default 'p', p_number integer default null, p_key text default null, p_tenant_id text default 'stops')
returns integer
language sql
as $$ select public.copilot_stop_executions(p_tenant_id, 'c', p_path_id, pg_temp.id(p_number), p_key) $$;
create function pg_temp.stopped()
returns setof uuid
language sql
as $$
  select public.copilot_stopped_executions(array(select pg_temp.id(n) from generate_series(1, 99) n)) order by 1
$$;
create function pg_temp.claim_key(p_number integer, p_key text, p_lease_seconds integer default 60)
returns text
language sql
as $$
  select c.outcome
  from public.copilot_claim_execution(pg_temp.id(p_number), 'stops', p_key, 'hash', 'c', 'p', p_lease_seconds) c
$$;
create function pg_temp.hold(p_number integer, p_language text default 'python')
returns timestamptz
language sql
as $$ select public.copilot_hold_kernel(pg_temp.id(p_number), pg_temp.id(900), p_language, 60000) $$;

select pg_temp.begin_context(900, 'stops', 'c', 'p', 'sandbox of stops') \g /dev/null
select is(pg_temp.open(1), 'reused', 'an execution is open from its claim on');
select is(pg_temp.open(2), 'reused', 'so is another on the path');
select is(pg_temp.open(3, 'elsewhere'), 'claimed', 'or one whose sandbox is yet to be made');
select is(pg_temp.open(4, 'elsewhere'), 'pending', 'or one that waits for it');
select is(pg_temp.open(5, 'p', 'another'), 'claimed', 'or another tenant''s on a path of that name');

select is(pg_temp.stop('p', 3), 0, 'one that is on another path is not stopped');
select is(pg_temp.stop('p', 5), 0, 'nor another tenant''s');
select is(pg_temp.stop('nowhere'), 0, 'nor anything where nothing is open');
select is_empty('select pg_temp.stopped()', 'nothing has been stopped');
select is(pg_temp.stop('p', 1), 1, 'one is, by its id');
select results_eq('select pg_temp.stopped()', 'select pg_temp.id(1)', 'and it alone');
select is(pg_temp.stop('p'), 2, 'all are, by their path; one that is being stopped counts');
select is(pg_temp.stop('elsewhere'), 2, 'those that wait, too');
select results_eq('select pg_temp.stopped()', 'select pg_temp.id(n) from generate_series(1, 4) n', 'nobody else''s is');

select ok(public.copilot_finish_execution(pg_temp.id(1), pg_temp.id(900), 'python', 'cancelled', 1, 0), 'one ends');
select ok(public.copilot_close_execution(pg_temp.id(2)), 'another does, before it began');
select ok(not public.copilot_close_execution(pg_temp.id(2)), 'which is true once');
select is(pg_temp.stop('p'), 0, 'then they are open no more');
update copilot_internal.open_executions set deadline_at = clock_timestamp() where id = pg_temp.id(4);
select is(pg_temp.stop('elsewhere'), 1, 'nor is one whose process must have died');
select copilot_internal.retire_lost_executions() \g /dev/null
select is_empty(
  $$ select from copilot_internal.open_executions where id = pg_temp.id(4) $$, 'which is forgotten'
);

-- With a key.
select pg_temp.claim_key(11, 'begun'), pg_temp.open(11), public.copilot_send_execution(pg_temp.id(11)) \g /dev/null
select is(pg_temp.stop('p', null, 'begun'), 1, 'one with a key is stopped by it');
select ok(pg_temp.id(11) in (select pg_temp.stopped()), 'and whoever runs it is told');
select is(pg_temp.claim_key(12, 'early'), 'claimed', 'one may have its key, and not have got so far');
select is(pg_temp.stop('p', null, 'early'), 1, 'it is stopped as well');
select is(public.copilot_send_execution(pg_temp.id(12)), 'stopped', 'and has no leave to be sent');
select is(public.copilot_send_execution(pg_temp.id(12)), 'stopped', 'however often it asks');
select ok(
  not public.copilot_release_execution(pg_temp.id(12)) and pg_temp.claim_key(13, 'early') = 'stopped',
  'it is not left to the next one to run what was stopped, who is told so at once'
);
select pg_temp.claim_key(14, 'dead', 0) \g /dev/null
select is(pg_temp.stop('p', null, 'dead'), 0, 'one whose process has died does not count');
select is(pg_temp.claim_key(15, 'dead'), 'stopped', 'but nobody takes it over');

-- An interrupt.
select is(pg_temp.open(21), 'reused', 'while one more is open');
select ok(pg_temp.hold(11) is null, 'no interrupt may be sent: it could hit that one');
select public.copilot_close_execution(pg_temp.id(21)), pg_temp.open(22, 'p', 'stops', 'javascript') \g /dev/null
create temp table held as select pg_temp.hold(11) as until;
select ok(until > clock_timestamp(), 'it may when there is none but in other languages') from held;
select is(pg_temp.hold(11), until, 'asking again, because the answer was lost, is no second hold') from held;
select ok(
  pg_temp.open(23) = 'pending' and pg_temp.hold(22, 'javascript') is null,
  'meanwhile no execution begins, and nobody else has them wait'
);
select is(
  (select outcome from public.copilot_claim_context(pg_temp.id(24), 'stops', 'c', 'p', 60, 1800)), 'reused',
  'what is no execution need not wait'
);
select ok(
  (select public.copilot_release_kernel(pg_temp.id(900), until) from held) and pg_temp.open(23) = 'reused',
  'until it has been sent'
);

select * from finish();
rollback;
