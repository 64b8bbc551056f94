-- Execution contexts, as first shipped. The table-level UNIQUE at the end counts terminated rows too, so a
-- path could never run code again after its first expiry: 20260104000000 replaces it.

-- Supabase has these roles. On a plain Postgres the grants below would fail for want of them.
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated', 'service_role'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = v_role) then
      execute format('create role %I nologin', v_role);
    end if;
  end loop;
exception
  -- Roles belong to the cluster: a migration of another database may have made them in this moment.
  when duplicate_object or unique_violation then null;
end
$$;

create schema if not exists copilot_internal;
comment on schema copilot_internal is
  'Internals of the copilot''s execution contexts. Not exposed by the API: callers use the functions in public.';
revoke all on schema copilot_internal from public;

create table if not exists copilot_internal.execution_contexts (
  id uuid primary key default gen_random_uuid(),
  tenant_id text not null check (char_length(tenant_id) between 1 and 255),
  conversation_id text not null check (char_length(conversation_id) between 1 and 255),
  path_id text not null check (char_length(path_id) between 1 and 255),
  sandbox_id text not null,
  sandbox_status text not null default 'creating'
    constraint execution_contexts_sandbox_status_check
    check (sandbox_status in ('creating', 'ready', 'error', 'terminated')),
  created_at timestamptz not null default now(),
  last_used_at timestamptz not null default now(),
  expires_at timestamptz not null default now() + interval '30 minutes',
  terminated_at timestamptz,
  unique (tenant_id, conversation_id, path_id)
);

comment on table copilot_internal.execution_contexts is
  'One row is one execution context: one life of a sandbox on a conversation path.';
comment on column copilot_internal.execution_contexts.sandbox_id is
  'Names the sandbox at E2B. Whoever knows it and the API key can use the sandbox, so it is shown to services only.';
comment on column copilot_internal.execution_contexts.terminated_at is
  'When the context ended; null while it is active.';

-- No policy: nobody reads or writes the table but through the functions.
alter table copilot_internal.execution_contexts enable row level security;
revoke all on table copilot_internal.execution_contexts from public, anon, authenticated, service_role;
