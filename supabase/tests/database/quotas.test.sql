-- How many sandboxes of a tenant and of a conversation may be alive.

begin;
\ir setup.psql
select plan(37);

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
  from public.copilot_claim_context(
    pg_temp.id(p_number), p_tenant_id, p_conversation_id, p_path_id, 60, 1800,
    p_tenant_quota := p_tenant_quota, p_conversation_quota := p_conversation_quota
  ) c
$$;

select results_eq(
  $$ select outcome from generate_series(1, 3) n, pg_temp.claim(n, 'c', 'p' || n, null, null) $$,
  $$ values ('claimed'), ('claimed'), ('claimed') $$,
  'without a quota there is no end'
);
select public.copilot_activate_context(pg_temp.id(1), 'sandbox 1') \g /dev/null

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
    select c.id, c.expires_at
    from public.copilot_claim_context(
      pg_temp.id(4), 'quotas', 'c', 'p4', 60, 1800, p_tenant_quota := 3, p_conversation_quota := null
    ) c
  $$,
  $$
    select null::uuid, min(expires_at) + interval '90 seconds'
    from copilot_internal.execution_contexts where tenant_id = 'quotas' and terminated_at is null
  $$,
  'who is refused is told when a place is free, if nobody frees one: a claim''s when its sandbox would have died on probation'
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

-- What may be alive, and what not.
create function pg_temp.outcome(p_number integer, p_path_id text)
returns text
language sql
as $$ select outcome from pg_temp.claim(p_number, 'c', p_path_id, 3, 3) $$;

select public.copilot_terminate_contexts('quotas', 'c', 'p3') \g /dev/null
select is(pg_temp.outcome(5, 'p5'), 'quota_exceeded', 'a claim that was ended in flight keeps its place: its sandbox may come yet');
select is(pg_temp.outcome(5, 'p3'), 'quota_exceeded', 'on its own path too');
select ok(public.copilot_settle_claim(pg_temp.id(3)), 'whoever knows that there is none says so');
select is(pg_temp.outcome(5, 'p5'), 'claimed', 'and then the place is free');

select public.copilot_activate_context(pg_temp.id(5), 'sandbox 5') \g /dev/null
update copilot_internal.execution_contexts set expires_at = clock_timestamp() where id = pg_temp.id(5);
select is(pg_temp.outcome(6, 'p6'), 'quota_exceeded', 'a context that stood idle for a second only has its place until the end of probation');
select is(pg_temp.outcome(6, 'p5'), 'evicted', 'on its own path its sandbox is killed first');
update copilot_internal.execution_contexts set activated_at = clock_timestamp() - interval '90 seconds' where id = pg_temp.id(5);
update copilot_internal.execution_contexts set may_live_until = clock_timestamp() where id = pg_temp.id(5);
select is(pg_temp.outcome(6, 'p6'), 'claimed', 'E2B has ended its sandbox by then');

select public.copilot_activate_context(pg_temp.id(6), 'sandbox 6') \g /dev/null
select public.copilot_terminate_contexts('quotas', 'c', 'p6') \g /dev/null
select is(pg_temp.outcome(7, 'p7'), 'quota_exceeded', 'a context that has ended keeps its place while its kill is owed');
select public.copilot_confirm_sandbox_killed(pg_temp.id(6), 'sandbox 6') \g /dev/null
select is(pg_temp.outcome(7, 'p7'), 'claimed', 'and leaves it when its sandbox is known to be gone');

select public.copilot_fail_context(pg_temp.id(7), 'sandbox_timeout', false) \g /dev/null
select is(pg_temp.outcome(8, 'p8'), 'quota_exceeded', 'a claim whose create had no answer keeps its place: there may be a sandbox');
select is(
  (select count(*)::integer from copilot_internal.places('quotas') where path_id = 'p7'), 1, 'one place a path, however often it fails'
);
select public.copilot_settle_claim(pg_temp.id(7)) \g /dev/null
select is(pg_temp.outcome(8, 'p8'), 'claimed', 'until that is known');
select public.copilot_fail_context(pg_temp.id(8), 'out_of_sandboxes', true, p_may_live := false) \g /dev/null
select is(pg_temp.outcome(9, 'p9'), 'claimed', 'one that was refused has left its place');

select public.copilot_activate_context(pg_temp.id(9), 'sandbox 9') \g /dev/null
select public.copilot_lose_context(pg_temp.id(9), 'sandbox 9') \g /dev/null
select is(pg_temp.outcome(10, 'p9'), 'claimed', 'one that E2B has lost has left its place');
update copilot_internal.execution_contexts
set expires_at = clock_timestamp() - interval '89 seconds' where id = pg_temp.id(10);
select is(pg_temp.outcome(11, 'p11'), 'quota_exceeded', 'a claim whose lease has run out keeps its place while its sandbox may live');
update copilot_internal.execution_contexts
set expires_at = clock_timestamp() - interval '90 seconds' where id = pg_temp.id(10);
select is(pg_temp.outcome(11, 'p11'), 'claimed', 'and no longer, though nobody has retired it');
select is(terminated_at, null, 'a claim retires only its own path''s')
from copilot_internal.execution_contexts where id = pg_temp.id(10);
select results_eq(
  $$ select * from pg_temp.claim(12, 'new', 'p', 0, 0, 'nobody') $$,
  $$ values ('quota_exceeded', 'conversation', 0, 0) $$,
  'a quota of nothing is a quota'
);

-- With leave to end another path.
create function pg_temp.evict(p_number integer, p_path_id text, p_quota integer)
returns table (outcome text, id uuid, sandbox_id text)
language sql
as $$
  select c.outcome, c.id, c.sandbox_id
  from public.copilot_claim_context(
    pg_temp.id(p_number), 'evict', 'c', p_path_id, 60, 1800, p_conversation_quota := p_quota, p_evict := true
  ) c
$$;
create function pg_temp.use(p_number integer, p_path_id text)
returns void
language sql
as $$
  select from public.copilot_claim_context(pg_temp.id(p_number + 5000), 'evict', 'c', p_path_id, 60, 1800)
$$;
select pg_temp.begin_context(n, 'evict', 'c', 'p' || n, 'evict ' || n) from generate_series(501, 503) n \g /dev/null
update copilot_internal.execution_contexts set activated_at = activated_at - interval '1 day' where tenant_id = 'evict';
select results_eq(
  $$ select outcome from pg_temp.evict(510, 'new', 4) $$, $$ values ('claimed') $$, 'while there is room, nothing is ended'
);
select public.copilot_fail_context(pg_temp.id(510), 'internal', false, null, false) \g /dev/null
select pg_temp.use(501, 'p501') \g /dev/null
select results_eq(
  $$ select * from pg_temp.evict(511, 'new', 3) $$, $$ values ('evicted', pg_temp.id(502), 'evict 502') $$,
  'where there is none, the context that has been idle longest ends, and its sandbox is to be killed'
);
select results_eq(
  $$ select outcome from pg_temp.evict(511, 'new', 3) $$, $$ values ('pending') $$,
  'until that is done who wants the place waits, and no other context ends for it'
);
update copilot_internal.execution_contexts set kill_attempted_at = kill_attempted_at - interval '2 s' where id = pg_temp.id(502);
select results_eq(
  $$ select * from pg_temp.evict(511, 'new', 3) $$, $$ values ('evicted', pg_temp.id(502), 'evict 502') $$,
  'if that takes long, because it fails or whoever was at it has died, it is tried again'
);
select public.copilot_confirm_sandbox_killed(pg_temp.id(502), 'evict 502') \g /dev/null
select results_eq(
  $$ select outcome from pg_temp.evict(511, 'new', 3) $$, $$ values ('claimed') $$, 'then it is free'
);
select results_eq(
  $$ select termination_reason from copilot_internal.execution_contexts where id = pg_temp.id(502) $$, $$ values ('evicted') $$,
  'why it ended is kept'
);
update copilot_internal.execution_contexts set terminated_at = terminated_at - interval '5 s' where id = pg_temp.id(502);
insert into copilot_internal.open_executions (id, tenant_id, conversation_id, path_id, language, is_waiting, asked_at, deadline_at)
select pg_temp.id(n), 'evict', 'c', 'p' || n, 'python', false, 0, clock_timestamp() + interval '1 minute' from (values (501), (503)) as v (n);
select results_eq(
  $$ select outcome from pg_temp.evict(512, 'newer', 3) $$, $$ values ('quota_exceeded') $$,
  'neither a claim in flight is ended, nor a path on which something is open'
);
update copilot_internal.open_executions set deadline_at = clock_timestamp() where id = pg_temp.id(501);
select public.copilot_start_execution(pg_temp.id(520), pg_temp.id(501), 'python', 60000) \g /dev/null
select results_eq(
  $$ select outcome from pg_temp.evict(512, 'newer', 3) $$, $$ values ('quota_exceeded') $$, 'nor one on which the ledger knows of something'
);
select public.copilot_finish_execution(pg_temp.id(520), pg_temp.id(501), 'python', 'ok', 1, 0) \g /dev/null
select results_eq(
  $$ select id from pg_temp.evict(512, 'newer', 3) $$, $$ values (pg_temp.id(501)) $$,
  'one whose process has died holds up nobody'
);

select * from finish();
rollback;
