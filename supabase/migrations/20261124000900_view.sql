-- What signed-in users may see: their tenant's contexts, without the sandbox's id, and nothing to write.

create or replace view public.execution_contexts
with (security_invoker = true)
as
select
  c.id, c.conversation_id, c.path_id, c.sandbox_status, c.ttl_seconds, c.created_at, c.last_used_at, c.expires_at,
  c.terminated_at, c.termination_reason
from copilot_internal.execution_contexts c;
comment on view public.execution_contexts is
  'The execution contexts of the caller''s tenant.';

-- The view reads with its caller's rights: these columns, and the rows of the policy below.
grant select (
  id, tenant_id, conversation_id, path_id, sandbox_status, ttl_seconds, created_at, last_used_at, expires_at,
  terminated_at, termination_reason
) on copilot_internal.execution_contexts to authenticated, service_role;
revoke all on public.execution_contexts from public, anon, authenticated, service_role;
grant select on public.execution_contexts to authenticated, service_role;

drop policy if exists "users see their tenant's contexts" on copilot_internal.execution_contexts;
create policy "users see their tenant's contexts"
  on copilot_internal.execution_contexts
  for select
  to authenticated
  using (
    tenant_id = (
      -- As the functions have it: what the server put into app_metadata, else the user alone. In a select, so that it
      -- is read once a statement and not once a row.
      select case coalesce(jsonb_typeof(claims #> '{app_metadata,tenant_id}'), 'null')
        when 'string' then claims #>> '{app_metadata,tenant_id}'
        when 'null' then claims ->> 'sub'
      end
      from (select nullif((select current_setting('request.jwt.claims', true)), '')::jsonb as claims) request
    )
  );
