-- How much is kept for a tenant, and what a repeat is told of what is not.

begin;
\ir setup.psql
select plan(15);

update copilot_internal.settings set tenant_answers = 3, tenant_answer_mebibytes = 16;

-- Runs what has this key, as a caller does, with an answer of so many bytes.
create function pg_temp.run(p_number integer, p_bytes integer, p_tenant_id text default 'answers')
returns boolean
language plpgsql
as $$
begin
  perform public.copilot_claim_execution(pg_temp.id(p_number), p_tenant_id, 'key ' || p_number, 'hash', 'c', 'p', 60);
  perform public.copilot_send_execution(pg_temp.id(p_number));
  return public.copilot_answer_execution(pg_temp.id(p_number), to_json(repeat('x', p_bytes - 2))::text);
end
$$;
-- What a repeat of it is told.
create function pg_temp.told(p_number integer, p_hash text default 'hash')
returns text
language sql
as $$
  select outcome || case when answer is null then '' else ' with answer' end
  from public.copilot_claim_execution(gen_random_uuid(), 'answers', 'key ' || p_number, p_hash, 'c', 'p', 60)
$$;

select is(array_agg(pg_temp.run(n, 10) order by n), array[true, true, true], 'three are kept') from generate_series(1, 3) n;
select is(pg_temp.told(1), 'finished with answer', 'the oldest too');
select is(pg_temp.run(100, 10, 'another'), true, 'another tenant''s do not count');
select is(pg_temp.told(1), 'finished with answer', 'and throw nothing out');
select is(pg_temp.run(4, 10), true, 'a fourth is kept');
select is(pg_temp.told(1), 'thrown_out', 'and the oldest goes; a repeat is told');
select is(pg_temp.told(1, 'another body'), 'mismatch', 'of the same body only');
select is(pg_temp.told(2), 'finished with answer', 'the others stay');
select is(public.copilot_answer_execution(pg_temp.id(1), '"again"'), false, 'what has gone takes no second answer');

select is(
  array[public.copilot_send_execution(pg_temp.id(1)) = 'sent', public.copilot_keep_execution(pg_temp.id(1), 60), public.copilot_release_execution(pg_temp.id(1))],
  array[false, false, false],
  'nor is it sent, kept or released, which would have it run again'
);

select is(pg_temp.run(5, 16 * 1024 * 1024 - 10), true, 'one that leaves room for no more than one');
select is(
  array[pg_temp.told(3), pg_temp.told(4), pg_temp.told(5)],
  array['thrown_out', 'finished with answer', 'finished with answer'],
  'sends as many of the oldest away as are too much'
);
select is(
  (select sum(answer_bytes)::integer from copilot_internal.idempotency_keys where tenant_id = 'answers'), 16 * 1024 * 1024,
  'so that no more is kept than may be'
);
select results_eq(
  $$
    select c.outcome, c.answer is not null, c.answer_bytes
    from unnest(array[9, 10, null]) most,
      lateral public.copilot_claim_execution(gen_random_uuid(), 'answers', 'key 4', 'hash', 'c', 'p', 60, most) c
  $$,
  $$ values ('finished', false, 10), ('finished', true, 10), ('finished', true, 10) $$,
  'of an answer that is more than the caller has room for, the size is told'
);
select is(
  (select count(*)::integer from copilot_internal.idempotency_keys where tenant_id = 'answers'), 5,
  'their keys stay: what has run does not run again'
);

select * from finish();
rollback;
