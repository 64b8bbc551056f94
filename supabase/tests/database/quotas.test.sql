-- How many contexts a tenant and a conversation may have.

begin;
\ir setup.psql
select plan(15);

-- A claim under these quotas.
create function pg_temp.claim(
  p_number integer,
  p_conversation_id text,
  p_path_id text,
  p_tenant_quota integer,
  p_conversation_quota integer,
  p_tenant_id text default 'quotas'
)
returns table (outcome text, quota_scope text, quota_limit integer, quota_count integer)
language sql
as $$
  select c.outcome, c.quota_scope, c.quota_limit, c.quota_count
  from public.claim_execution_context(
    pg_temp.id(p_number), p_tenant_id, p_conversation_id, p_path_id, 60, 1800,
    p_tenant_quota := p_tenant_quota, p_conversation_quota := p_conversation_quota
  ) c
$$;

select results_eq(
  $$ select outcome from generate_series(1, 3) n, pg_temp.claim(n, 'c', 'p' || n, null, null) $$,
  $$ values ('claimed'), ('claimed'), ('claimed') $$,
  'without a quota there is no end'
);
select public.activate_execution_context(pg_temp.id(1), 'sandbox 1') \g /dev/null

select results_eq(
  $$ select * from pg_temp.claim(4, 'c', 'p4', 9, 3) $$,
  $$ values ('quota_exceeded', 'conversation', 3, 3) $$,
  'a conversation that has as many as it may gets no more; claims in flight count'
);
select results_eq(
  $$ select * from pg_temp.claim(4, 'd', 'p4', 3, 9) $$,
  $$ values ('quota_exceeded', 'tenant', 3, 3) $$,
  'nor does a tenant, in whichever conversation'
);
select results_eq(
  $$ select * from pg_temp.claim(4, 'c', 'p4', 2, 3) $$,
  $$ values ('quota_exceeded', 'conversation', 3, 3) $$,
  'where both are full, the conversation is named: its own contexts are the ones the caller can end'
);
select is_empty(
  $$ select from copilot_internal.execution_contexts where id = pg_temp.id(4) $$, 'a claim that is refused leaves no row'
);
select results_eq(
  $$
    select c.id, c.conversation_id, c.path_id, c.expires_at
    from public.claim_execution_context(
      pg_temp.id(4), 'quotas', 'c', 'p4', 60, 1800, p_tenant_quota := 3, p_conversation_quota := null
    ) c
  $$,
  $$
    select null::uuid, 'c', 'p4', min(expires_at)
    from copilot_internal.execution_contexts where tenant_id = 'quotas' and terminated_at is null
  $$,
  'who is refused is told when the next place is due'
);

select results_eq(
  $$ select * from pg_temp.claim(4, 'c', 'p1', 1, 1) $$,
  $$ values ('reused', null::text, null::integer, null::integer) $$,
  'a context that is there is reused, however full'
);
select results_eq(
  $$ select outcome from pg_temp.claim(4, 'c', 'p2', 1, 1) $$, $$ values ('pending') $$,
  'a claim in flight is waited for, however full'
);
select results_eq(
  $$ select outcome from pg_temp.claim(2, 'c', 'p2', 1, 1) $$, $$ values ('claimed') $$,
  'a claim that asks again is not counted against itself'
);
select results_eq(
  $$ select outcome from pg_temp.claim(40, 'c', 'p1', 3, 3, 'another') $$, $$ values ('claimed') $$,
  'another tenant''s contexts do not count'
);

select public.terminate_execution_contexts('quotas', 'c', 'p3') \g /dev/null
select results_eq(
  $$ select outcome from pg_temp.claim(5, 'c', 'p5', 3, 3) $$, $$ values ('claimed') $$,
  'a context that has ended leaves its place, whether its sandbox is gone or not'
);
update copilot_internal.execution_contexts set expires_at = clock_timestamp() where id = pg_temp.id(5);
select results_eq(
  $$ select outcome from pg_temp.claim(6, 'c', 'p6', 3, 3) $$, $$ values ('claimed') $$,
  'so does one that is past its deadline and that nobody has retired'
);
select is(terminated_at, null, 'which retires only its own path''s')
from copilot_internal.execution_contexts where id = pg_temp.id(5);
update copilot_internal.execution_contexts set expires_at = clock_timestamp() where id = pg_temp.id(6);
select results_eq(
  $$ select outcome from pg_temp.claim(7, 'c', 'p6', 3, 3) $$, $$ values ('claimed') $$,
  'and a path''s own expired context makes room for the new one'
);
select results_eq(
  $$ select * from pg_temp.claim(8, 'new', 'p', 0, 0, 'nobody') $$,
  $$ values ('quota_exceeded', 'conversation', 0, 0) $$,
  'a quota of nothing is a quota'
);

select * from finish();
rollback;
