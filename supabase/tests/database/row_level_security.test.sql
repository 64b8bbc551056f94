-- What each caller sees through the view, as PostgREST asks: with a role and the claims of a verified token.

begin;
\ir setup.psql
select plan(34);

-- Counts are exact, so rows that a developer's database holds must be out of the way until the rollback.
delete from copilot_internal.execution_contexts;
update copilot_internal.settings set conversation_access = 'tenant';

insert into copilot_internal.execution_contexts
  (tenant_id, conversation_id, path_id, sandbox_status, sandbox_id, activated_at, ttl_seconds, expires_at)
select t, c, 'p', 'ready', 'sandbox of ' || c, now(), 60, now()
from (
  values ('acme', 'acme 1'), ('acme', 'acme 2'), ('globex', 'globex 1'), ('7', 'number 7'), ('user-1', 'user 1'), ('true', 'boolean')
) as rows (t, c);

-- The conversations that the current caller sees with these claims.
create function pg_temp.seen(p_claims text)
returns text[]
language plpgsql
as $$
begin
  perform set_config('request.jwt.claims', p_claims, true);
  return (select coalesce(array_agg(conversation_id order by conversation_id), '{}') from public.execution_contexts);
end
$$;

select hasnt_column('public', 'execution_contexts', 'sandbox_id', 'the view does not show the sandbox''s id');
select hasnt_column('public', 'execution_contexts', 'tenant_id', 'nor the tenant''s');

set local role authenticated;
select is(current_user::text, 'authenticated', 'a signed-in user looks');
select is(pg_temp.seen(claims), seen, what)
from (
  values
    ('{"sub": "user-1", "app_metadata": {"tenant_id": "acme"}}', array['acme 1', 'acme 2'], 'a tenant''s user sees that tenant''s contexts'),
    ('{"sub": "user-2", "app_metadata": {"tenant_id": "globex"}}', array['globex 1'], 'another tenant''s user sees the other''s'),
    ('{"sub": "acme", "app_metadata": {"tenant_id": "globex"}}', array['globex 1'], 'the tenant counts, not the user, where there is one'),
    ('{"sub": "user-1", "app_metadata": {"provider": "email"}}', array['user 1'], 'a user without a tenant is a tenant of their own'),
    ('{"sub": "user-1", "app_metadata": {"tenant_id": null}}', array['user 1'], 'also where the tenant is null'),
    ('{"sub": "user-1"}', array['user 1'], 'also without app_metadata'),
    ('{"sub": "user-1", "user_metadata": {"tenant_id": "acme"}}', array['user 1'], 'what users write about themselves has no effect'),
    ('{"sub": "user-1", "tenant_id": "acme"}', array['user 1'], 'nor has a tenant anywhere else'),
    ('{"sub": "user-1", "app_metadata": {"tenant_id": "acme"}, "user_metadata": {"tenant_id": "globex"}}', array['acme 1', 'acme 2'], 'nor beside a tenant'),
    ('{"sub": "user-1", "app_metadata": {"tenant_id": 7}}', '{}', 'a tenant that is a number is no tenant, and does not make the user one'),
    ('{"sub": "user-1", "app_metadata": {"tenant_id": true}}', '{}', 'nor does one that is a boolean'),
    ('{"sub": "user-1", "app_metadata": {"tenant_id": ["acme"]}}', '{}', 'nor a list'),
    ('{"sub": "user-1", "app_metadata": {"tenant_id": ""}}', '{}', 'an empty tenant has no contexts'),
    ('{"sub": "user-1", "app_metadata": {"tenant_id": "ACME"}}', '{}', 'nor has one that differs in case'),
    ('{"role": "authenticated"}', '{}', 'nobody in particular sees nothing'),
    ('', '{}', 'nor does a session without claims')
) as caller (claims, seen, what);

reset role;
update copilot_internal.settings set conversation_access = 'owner';
insert into copilot_internal.conversations (tenant_id, conversation_id, user_id)
values ('acme', 'acme 1', 'user-1'), ('acme', 'acme 2', null), ('globex', 'globex 1', 'user-1');
set local role authenticated;
select is(pg_temp.seen(claims), seen, what)
from (
  values
    ('{"sub": "user-1", "app_metadata": {"tenant_id": "acme"}}', array['acme 1'], 'a conversation is its user''s, and none is that nobody or the tenant has made'),
    ('{"sub": "user-2", "app_metadata": {"tenant_id": "acme"}}', '{}', 'no other user''s of the tenant'),
    ('{"sub": "user-1"}', '{}', 'nor that user''s in another tenant')
) as caller (claims, seen, what);
reset role;
create or replace function copilot_internal.may_use(p_tenant_id text, p_user_id text, p_conversation_id text)
returns boolean
language sql
stable
as $$ select (p_tenant_id, p_user_id, p_conversation_id) = ('acme', 'user-2', 'acme 1') or (p_conversation_id = 'acme 2' and null) $$;
set local role authenticated;
select is(pg_temp.seen(claims), seen, what)
from (
  values
    ('{"sub": "user-2", "app_metadata": {"tenant_id": "acme"}}', array['acme 1'], 'an application''s own test of membership opens it to a member'),
    ('{"sub": "user-1", "app_metadata": {"tenant_id": "acme"}}', array['acme 1'], 'takes it from nobody who has made it'),
    ('{"sub": "user-3", "app_metadata": {"tenant_id": "acme"}}', '{}', 'and opens it to nobody else')
) as caller (claims, seen, what);
select throws_ok(
  $$ select copilot_internal.visible_contexts() $$, '42501', 'permission denied for schema copilot_internal',
  'what stands behind the view is not to be asked itself'
);

set local request.jwt.claims = '{"sub": "user-1", "app_metadata": {"tenant_id": "acme"}}';
select throws_ok(statement, '55000', null, 'a user does not ' || what)
from (
  values
    ($$ insert into public.execution_contexts (conversation_id, path_id) values ('c', 'p') $$, 'insert'),
    ($$ update public.execution_contexts set expires_at = 'infinity' $$, 'update'),
    ($$ delete from public.execution_contexts $$, 'delete')
) as write (statement, what);
select throws_ok(
  'select sandbox_id from copilot_internal.execution_contexts', '42501', 'permission denied for schema copilot_internal',
  'a user does not get past the view'
);
select throws_ok(
  $$ select public.copilot_terminate_contexts('globex', 'globex 1') $$, '42501', null,
  'nor to the functions, which trust the tenant they are given'
);
reset role;

set local role anon;
select throws_ok(
  'select from public.execution_contexts', '42501', 'permission denied for view execution_contexts',
  'without a user there is nothing to see, whatever the claims say'
);
reset role;

set local role service_role;
select is(
  (select count(*)::integer from public.execution_contexts), 6, 'a service sees every tenant''s'
);
select throws_ok(
  'select sandbox_id from copilot_internal.execution_contexts', '42501', null, 'but has its functions, not the table'
);
reset role;

select * from finish();
rollback;
