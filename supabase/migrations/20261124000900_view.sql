-- What signed-in users may see: the contexts of conversations that are open to them, without the sandbox's id, and nothing
-- to write. A function with its owner's rights stands between them and the table: row level security would let a planner's
-- estimate (PostgREST: Prefer: count=planned) tell how many rows others have.

create or replace function copilot_internal.visible_contexts()
returns table (
  id uuid,
  conversation_id text,
  path_id text,
  forked_from_path_id text,
  sandbox_status text,
  state text,
  ttl_seconds integer,
  created_at timestamptz,
  last_used_at timestamptz,
  expires_at timestamptz,
  kept_until timestamptz,
  terminated_at timestamptz,
  termination_reason text
)
language plpgsql
stable
security definer
set search_path = ''
rows 100
as $$
#variable_conflict use_column
declare
  v_claims jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
  v_user_id text := v_claims ->> 'sub';
  -- As the functions have it: what the server put into app_metadata, else the user alone.
  v_tenant_id text := case coalesce(jsonb_typeof(v_claims #> '{app_metadata,tenant_id}'), 'null')
    when 'string' then v_claims #>> '{app_metadata,tenant_id}'
    when 'null' then v_user_id
  end;
begin
  -- Apart, so that a user's are looked up by their tenant: how long it takes must not tell of others either.
  if current_setting('role', true) = 'service_role' then
    return query
    select
      c.id, c.conversation_id, c.path_id, c.forked_from_path_id, c.sandbox_status, copilot_internal.state_of(c),
      c.ttl_seconds, c.created_at, c.last_used_at, c.expires_at, copilot_internal.kept_until(c), c.terminated_at,
      c.termination_reason
    from copilot_internal.execution_contexts c;
  elsif v_user_id is not null then
    return query
    select
      c.id, c.conversation_id, c.path_id, c.forked_from_path_id, c.sandbox_status, copilot_internal.state_of(c),
      c.ttl_seconds, c.created_at, c.last_used_at, c.expires_at, copilot_internal.kept_until(c), c.terminated_at,
      c.termination_reason
    from copilot_internal.execution_contexts c
    where c.tenant_id = v_tenant_id and copilot_internal.is_open_to(c.tenant_id, c.conversation_id, v_user_id);
  end if;
end
$$;
comment on function copilot_internal.visible_contexts() is
  'The contexts that the role and the token of the request may see: a user those of conversations that are open to them, a service all.';
revoke execute on function copilot_internal.visible_contexts() from public, anon, authenticated;
-- Its schema is closed to both: it can be called by the view alone.
grant execute on function copilot_internal.visible_contexts() to authenticated, service_role;

create or replace view public.execution_contexts
with (security_invoker = true)
as
select
  c.id, c.conversation_id, c.path_id, c.forked_from_path_id, c.sandbox_status, c.state, c.ttl_seconds, c.created_at,
  c.last_used_at, c.expires_at, c.kept_until, c.terminated_at, c.termination_reason
from copilot_internal.visible_contexts() c;
comment on view public.execution_contexts is
  'The execution contexts of conversations that are open to the caller. state: creating, awake, asleep, ended; one that is asleep wakes when it is used, until kept_until.';
revoke all on public.execution_contexts from public, anon, authenticated, service_role;
grant select on public.execution_contexts to authenticated, service_role;
