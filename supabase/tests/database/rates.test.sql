-- How often a tenant may create, and execute, in a minute.

begin;
\ir setup.psql
select plan(14);

-- A claim under these rates. Each on a path of its own.
create function pg_temp.claim(p_number integer, p_creates integer, p_executions integer, p_path_id text default null, p_tenant_id text default 'rates')
returns table (outcome text, quota_scope text, quota_limit integer, wait interval)
language sql
as $$
  select c.outcome, c.quota_scope, c.quota_limit, date_trunc('second', c.expires_at - clock_timestamp() + interval '0.5 s')
  from public.copilot_claim_context(
    pg_temp.id(p_number), p_tenant_id, 'c', coalesce(p_path_id, 'p' || p_number), 60, 1800,
    p_creates_per_minute := p_creates, p_executions_per_minute := p_executions,
    p_execution_id := case when p_executions is not null then pg_temp.id(p_number) end, p_language := 'python', p_open_seconds := 60
  ) c
$$;

select results_eq(
  $$ select outcome from generate_series(1, 3) n, pg_temp.claim(n, 3, null) $$,
  $$ values ('claimed'), ('claimed'), ('claimed') $$,
  'as many as there may be in a minute are granted at once'
);
select results_eq(
  $$ select * from pg_temp.claim(4, 3, null) $$, $$ values ('rate_limited', 'creates', 3, interval '20 s') $$,
  'the next one is refused, and told when a third of the minute will be over'
);
select is_empty(
  $$ select from copilot_internal.execution_contexts where id = pg_temp.id(4) $$, 'it leaves no row'
);
select results_eq(
  $$ select outcome from pg_temp.claim(40, 3, null, 'p1') $$, $$ values ('pending') $$, 'who waits creates nothing'
);
select results_eq(
  $$ select outcome from pg_temp.claim(5, 3, null, p_tenant_id => 'another') $$, $$ values ('claimed') $$,
  'another tenant has a minute of its own'
);
update copilot_internal.rates set spent_until = spent_until - interval '20 s' where tenant_id = 'rates';
select results_eq(
  $$ select outcome from generate_series(6, 7) n, pg_temp.claim(n, 3, null) $$,
  $$ values ('claimed'), ('rate_limited') $$,
  'by then one is granted, and no more'
);

select public.copilot_activate_context(pg_temp.id(1), 'sandbox 1') \g /dev/null
select results_eq(
  $$ select outcome from generate_series(8, 9) n, pg_temp.claim(n, null, 2, 'p1') $$,
  $$ values ('reused'), ('reused') $$,
  'executions have a rate of their own, though creates have spent theirs'
);
create temp table touched as select last_used_at, expires_at from copilot_internal.execution_contexts where id = pg_temp.id(1);
select results_eq(
  $$ select * from pg_temp.claim(10, null, 2, 'p1') $$, $$ values ('rate_limited', 'executions', 2, interval '30 s') $$,
  'beyond it they are refused'
);
select results_eq(
  $$ select last_used_at, expires_at from copilot_internal.execution_contexts where id = pg_temp.id(1) $$,
  $$ select * from touched $$,
  'and prolong nothing'
);
select results_eq(
  $$ select outcome from pg_temp.claim(9, null, 2, 'p1') $$, $$ values ('reused') $$, 'who asks again has had its turn'
);
select results_eq(
  $$ select outcome from pg_temp.claim(11, null, null, 'p1') $$, $$ values ('reused') $$, 'what is no execution is not counted'
);

select ok((select deleted_count from copilot_internal.forget_rates()) >= 0, 'what is over is forgotten');
select is((select count(*)::integer from copilot_internal.rates where tenant_id = 'rates'), 2, 'what is not, is not');
update copilot_internal.rates set spent_until = clock_timestamp() where tenant_id = 'rates';
select copilot_internal.forget_rates() \g /dev/null
select is((select count(*)::integer from copilot_internal.rates where tenant_id = 'rates'), 0, 'until its minute is over');

select * from finish();
rollback;
