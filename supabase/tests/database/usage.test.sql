-- What was used: by tenant, conversation and day, the days in UTC.

begin;
\ir setup.psql
-- Half a day from UTC, so that a day that is not in UTC shows.
set local timezone = 'Pacific/Auckland';
select plan(25);

-- Sums are exact, so rows that a developer's database holds must be out of the way until the rollback.
delete from copilot_internal.executions;
delete from copilot_internal.sandbox_lives;
delete from copilot_internal.execution_contexts;

create function pg_temp.ran(p_tenant_id text, p_conversation_id text, p_at text, p_duration_ms integer, p_output_bytes bigint)
returns void
language sql
as $$
  insert into copilot_internal.executions (
    id, context_id, tenant_id, conversation_id, path_id, language,
    status, started_at, deadline_at, finished_at, duration_ms, output_bytes
  )
  select
    gen_random_uuid(), gen_random_uuid(), p_tenant_id, p_conversation_id, 'p', 'python',
    case when p_duration_ms is null then 'running' else 'ok' end, at, at, case when p_duration_ms is not null then at end,
    p_duration_ms, p_output_bytes
  from (select (p_at || ' UTC')::timestamptz) as t (at)
$$;
create function pg_temp.lived(p_tenant_id text, p_conversation_id text, p_from text, p_to text)
returns void
language sql
as $$
  insert into copilot_internal.sandbox_lives (context_id, tenant_id, conversation_id, path_id, started_at, ended_at)
  values (
    gen_random_uuid(), p_tenant_id, p_conversation_id, 'p', (p_from || ' UTC')::timestamptz, (p_to || ' UTC')::timestamptz
  )
$$;
-- An active context, idle after its deadline.
create function pg_temp.lives(p_tenant_id text, p_path_id text, p_from timestamptz, p_to timestamptz)
returns void
language sql
as $$
  insert into copilot_internal.execution_contexts (
    tenant_id, conversation_id, path_id, sandbox_status, sandbox_id, activated_at, ttl_seconds, expires_at
  )
  values (p_tenant_id, 'c', p_path_id, 'ready', 'sandbox of ' || p_tenant_id || p_path_id, p_from, 60, p_to)
$$;

select is_empty(
  $$ select from public.copilot_execution_usage('2026-01-01', '2026-12-31') $$, 'where nothing was used there is nothing to tell'
);

-- Two conversations of one tenant, and another tenant.
select pg_temp.ran('acme', 'c', '2026-03-01 00:00:00', 1500, 100) \g /dev/null
select pg_temp.ran('acme', 'c', '2026-03-01 23:59:59.999999', 250, 20) \g /dev/null
select pg_temp.ran('acme', 'c', '2026-03-03 12:00:00', null, null) \g /dev/null
select pg_temp.ran('acme', 'd', '2026-03-01 12:00:00', 3, 5000000000) \g /dev/null
select pg_temp.ran('globex', 'c', '2026-03-02 12:00:00', 7, 1) \g /dev/null
select results_eq(
  $$
    select tenant_id, conversation_id, day, executions, execution_seconds, output_bytes, sandbox_seconds
    from public.copilot_execution_usage('2026-03-01', '2026-03-03')
  $$,
  $$
    values
      ('acme', 'c', date '2026-03-01', 2::bigint, 1.75, 120::bigint, 0::numeric),
      ('acme', 'c', '2026-03-03', 1, 0, 0, 0),
      ('acme', 'd', '2026-03-01', 1, 0.003, 5000000000, 0),
      ('globex', 'c', '2026-03-02', 1, 0.007, 1, 0)
  $$,
  'executions count by tenant, conversation and day, what runs still included; days without any are left out'
);
select results_eq(
  $$ select conversation_id, day from public.copilot_execution_usage('2026-03-01', '2026-03-01') $$,
  $$ values ('c', date '2026-03-01'), ('d', '2026-03-01') $$,
  'a single day is all of it, from midnight UTC to midnight UTC'
);
select is_empty(
  $$ select from public.copilot_execution_usage('2026-02-01', '2026-02-28') $$, 'the first moment of a day is none of the day before'
);
select set_eq(
  $$ select day from public.copilot_execution_usage('2026-03-02', '2026-03-03') $$,
  array[date '2026-03-02', '2026-03-03'],
  'nor the last one any of the day after'
);
select is_empty(
  $$ select from public.copilot_execution_usage('2026-03-03', '2026-03-01') $$, 'from a day to one before it there is nothing'
);

-- One tenant, one conversation.
create function pg_temp.used(p_tenant_id text, p_conversation_id text)
returns setof text
language sql
as $$
  select distinct u.tenant_id || ' ' || u.conversation_id
  from public.copilot_execution_usage('2026-03-01', '2026-03-31', p_tenant_id, p_conversation_id) u
$$;
select set_eq($$ select pg_temp.used('acme', null) $$, array['acme c', 'acme d'], 'one tenant may be asked for');
select set_eq($$ select pg_temp.used('acme', 'd') $$, array['acme d'], 'or one conversation of it');
select set_eq(
  $$ select pg_temp.used(null, 'c') $$, array['acme c', 'globex c'], 'or what all tenants call by the same name'
);
select is_empty($$ select pg_temp.used('acm', null) $$, 'no tenant is taken for another');
select is_empty($$ select pg_temp.used('globex', 'd') $$, 'nor a conversation for another tenant''s');

-- Lives of sandboxes.
select pg_temp.lived('acme', 'night', '2026-04-01 23:00:00', '2026-04-02 00:30:00.5') \g /dev/null
select pg_temp.lived('acme', 'night', '2026-04-02 12:00:00', '2026-04-02 12:00:10') \g /dev/null
select pg_temp.lived('acme', 'days', '2026-04-01 12:00:00', '2026-04-04 06:00:00') \g /dev/null
select pg_temp.lived('globex', 'midnight', '2026-04-02 00:00:00', '2026-04-03 00:00:00') \g /dev/null
select results_eq(
  $$
    select conversation_id, day, executions, execution_seconds, output_bytes, sandbox_seconds
    from public.copilot_execution_usage('2026-04-01', '2026-04-30', 'acme', 'night')
  $$,
  $$
    values
      ('night', date '2026-04-01', 0::bigint, 0::numeric, 0::bigint, 3600::numeric),
      ('night', '2026-04-02', 0, 0, 0, 1810.5)
  $$,
  'a life that spans midnight counts for either day, and several of a day are added up'
);
select results_eq(
  $$ select day, sandbox_seconds from public.copilot_execution_usage('2026-04-01', '2026-04-30', 'acme', 'days') $$,
  $$
    values
      (date '2026-04-01', 43200::numeric), ('2026-04-02', 86400), ('2026-04-03', 86400), ('2026-04-04', 21600)
  $$,
  'one that spans days counts for each of them'
);
select results_eq(
  $$ select day, sandbox_seconds from public.copilot_execution_usage('2026-04-02', '2026-04-03', 'acme', 'days') $$,
  $$ values (date '2026-04-02', 86400::numeric), ('2026-04-03', 86400) $$,
  'those that were not asked for are left out'
);
select results_eq(
  $$ select day, sandbox_seconds from public.copilot_execution_usage('2026-03-31', '2026-04-30', 'globex') $$,
  $$ values (date '2026-04-02', 86400::numeric) $$,
  'one from midnight to midnight is of one day'
);
select pg_temp.ran('acme', 'night', '2026-04-02 00:10:00', 1000, 1) \g /dev/null
select pg_temp.ran('acme', 'night', '2026-04-05 00:10:00', 2000, 2) \g /dev/null
select results_eq(
  $$
    select day, executions, execution_seconds, sandbox_seconds
    from public.copilot_execution_usage('2026-04-01', '2026-04-30', 'acme', 'night')
  $$,
  $$
    values
      (date '2026-04-01', 0::bigint, 0::numeric, 3600::numeric), ('2026-04-02', 1, 1, 1810.5), ('2026-04-05', 1, 2, 0)
  $$,
  'a day has one line, whether there were executions, lives or both'
);
select pg_temp.lived('acme', 'nothing', '2026-04-01 12:00:00', '2026-04-01 12:00:00') \g /dev/null
select is(
  (select sum(sandbox_seconds) from public.copilot_execution_usage('2026-04-01', '2026-04-30', 'acme', 'nothing')), 0::numeric,
  'a life of no time counts for none'
);

-- Active contexts. The day may turn meanwhile, so both days are asked for.
create function pg_temp.sandbox_seconds(p_tenant_id text)
returns numeric
language sql
as $$
  select sum(u.sandbox_seconds)
  from public.copilot_execution_usage(
    (clock_timestamp() at time zone 'UTC')::date - 3, (clock_timestamp() at time zone 'UTC')::date, p_tenant_id
  ) u
$$;
select pg_temp.lives('active', 'p', clock_timestamp() - interval '30 hours', clock_timestamp() + interval '1 hour') \g /dev/null
select ok(
  pg_temp.sandbox_seconds('active') between 30 * 3600 and 30 * 3600 + 60,
  'a context that is active counts up to now, not up to its deadline'
);
select cmp_ok(
  (
    select count(*)::integer
    from public.copilot_execution_usage('2026-01-01', (clock_timestamp() at time zone 'UTC')::date, 'active')
  ),
  '>=', 2, 'on each day that it has lived'
);
select is_empty(
  $$
    select from public.copilot_execution_usage(
      (clock_timestamp() at time zone 'UTC')::date + 2, (clock_timestamp() at time zone 'UTC')::date + 9, 'active'
    )
  $$,
  'and on none to come'
);
select pg_temp.lives('idle', 'p', t - interval '3 hours', t - interval '1 hour')
from (select date_trunc('second', clock_timestamp())) as now (t) \g /dev/null
select is(pg_temp.sandbox_seconds('idle'), 7200::numeric, 'one that nobody has retired counts up to its deadline');
select copilot_internal.expire_execution_contexts() \g /dev/null
select is(pg_temp.sandbox_seconds('idle'), 7200::numeric, 'as it does when that is done, and not twice');
select public.copilot_claim_context(gen_random_uuid(), 'claim', 'c', 'p', 60, 60) \g /dev/null
select is(pg_temp.sandbox_seconds('claim'), null, 'a claim has no sandbox yet');

select is(
  (select sum(executions) from public.copilot_execution_usage('2026-01-01', '2026-12-31') where tenant_id <> 'active'),
  (select count(*)::numeric from copilot_internal.executions),
  'over all, every execution is counted once'
);
set local timezone = 'America/Los_Angeles';
select results_eq(
  $$ select day, sandbox_seconds from public.copilot_execution_usage('2026-04-01', '2026-04-30', 'acme', 'night') $$,
  $$ values (date '2026-04-01', 3600::numeric), ('2026-04-02', 1810.5), ('2026-04-05', 0) $$,
  'the session''s time zone changes nothing'
);

select * from finish();
rollback;
