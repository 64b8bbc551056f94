-- What a claim tells of the kernel that an execution is meant for.

begin;
\ir setup.psql
select plan(7);

-- A claim for an execution on the path.
create function pg_temp.claim(p_number integer, p_language text default 'python')
returns integer
language sql
as $$
  select c.kernel_count
  from public.copilot_claim_context(
    pg_temp.id(p_number + 1000), 'counts', 'c', 'p', 60, 1800,
    p_execution_id := pg_temp.id(p_number), p_language := p_language, p_open_seconds := 60
  ) c
$$;
create function pg_temp.run(p_number integer, p_count integer, p_language text default 'python')
returns boolean
language sql
as $$
  select public.copilot_start_execution(
    pg_temp.id(p_number), pg_temp.id(900), p_language, 60000, 0, p_count, clock_timestamp()
  );
  select public.copilot_finish_execution(pg_temp.id(p_number), pg_temp.id(900), p_language, 'ok', 1, 0);
$$;

select pg_temp.begin_context(900, 'counts', 'c', 'p', 'sandbox of counts') \g /dev/null

select is(pg_temp.claim(1), null, 'Nothing where nothing has run');
select pg_temp.run(1, 1) \g /dev/null
select is(pg_temp.claim(2), 1, 'The last number');
select is(pg_temp.claim(2), 1, 'The same when it asks again, be it open itself');
select is(pg_temp.claim(3), null, 'Nothing while another execution is open there');
select is(pg_temp.claim(4, 'r'), null, 'Nothing of another kernel');
select public.copilot_close_execution(pg_temp.id(n)) from generate_series(2, 4) n \g /dev/null
select public.copilot_note_kernel_restart(pg_temp.id(4), pg_temp.id(900), 'python') \g /dev/null
select is(pg_temp.claim(5), null, 'Nothing of a kernel that is known to be gone');
select is(
  (select c.kernel_count from public.copilot_claim_context(pg_temp.id(2000), 'counts', 'c', 'p', 60, 1800) c),
  null, 'Nothing where nothing is to run'
);

select * from finish();
rollback;
