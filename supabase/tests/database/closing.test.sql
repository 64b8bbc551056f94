-- Closing: nothing new is begun for anybody, and what there is can be ended.

begin;
\ir setup.psql
select plan(18);

create function pg_temp.claim(p_number integer, p_path_id text)
returns text
language sql
as $$
  select c.outcome from public.copilot_claim_context(pg_temp.id(p_number), 'closing', 'c', p_path_id, 60, 1800) c
$$;
create function pg_temp.claim_key(p_number integer)
returns text
language sql
as $$
  select c.outcome from public.copilot_claim_execution(pg_temp.id(p_number), 'closing', 'k' || p_number, 'hash', 'c', 'p', 30) c
$$;

select is(copilot_internal.refusal('closing'), null, 'at first everybody is served');
select pg_temp.begin_context(1, 'closing', 'c', 'ready', 'sandbox 1') \g /dev/null
select is(pg_temp.claim(2, 'creating'), 'claimed', 'a claim is in flight');
select is(pg_temp.claim_key(11), 'claimed', 'and a keyed execution is under way');

select is(public.copilot_close(true), true, 'it is closed');
select is(copilot_internal.refusal('closing'), 'closed', 'which is why nobody is served');
select is(pg_temp.claim(3, 'new'), 'closed', 'a new path is refused');
select is(pg_temp.claim(4, 'ready'), 'closed', 'so is one that has its context');
select is(pg_temp.claim(2, 'creating'), 'closed', 'and one that asks again');
select is(pg_temp.claim_key(12), 'claimed', 'a key is told what has become of it: a new execution is refused with its context');
select is(
  (select count(*)::integer from copilot_internal.execution_contexts where tenant_id = 'closing'), 2,
  'no row was made'
);
insert into copilot_internal.tenants (tenant_id, is_disabled) values ('closing too', true);
select is(copilot_internal.refusal('closing too'), 'tenant_disabled', 'disabled goes before closed');

select isnt_empty(
  $$ select from public.copilot_activate_context(pg_temp.id(2), 'sandbox 2') $$, 'a claim in flight becomes ready'
);
select is(public.copilot_keep_execution(pg_temp.id(11), 30) is not null, true, 'what runs goes on');
select set_eq(
  $$ select id from public.copilot_terminate_contexts('closing', p_all := true) $$, array[pg_temp.id(1), pg_temp.id(2)],
  'contexts end'
);
select is(public.copilot_close(true), true, 'closing twice is no error');
select is(public.copilot_close(false), false, 'it is open again');
select is(pg_temp.claim(5, 'new'), 'claimed', 'and everybody is served');
select is(copilot_internal.refusal('closing too'), 'tenant_disabled', 'but whoever is disabled');

select * from finish();
rollback;
