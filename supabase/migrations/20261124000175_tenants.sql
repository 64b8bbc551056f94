-- What a tenant may have that others may not, and the other way round. A tenant without a row goes by the settings.

create table if not exists copilot_internal.tenants (
  tenant_id text primary key,
  is_disabled boolean not null default false,
  sandbox_quota integer,
  conversation_quota integer,
  sleeping_quota integer,
  creates_per_minute integer,
  executions_per_minute integer,
  answer_mebibytes integer,
  answers integer,
  template text,
  allow_internet boolean,
  allowed_hosts text[],
  constraint tenants_quotas_check check (sandbox_quota >= 0 and conversation_quota >= 0 and sleeping_quota >= 0),
  constraint tenants_rates_check check (creates_per_minute > 0 and executions_per_minute > 0),
  constraint tenants_answers_check
    check (answer_mebibytes between 16 and 1048576 and answers between 1 and 1000000),
  constraint tenants_template_check check (template <> ''),
  -- With all of the internet there is nothing to allow besides.
  constraint tenants_allowed_hosts_check
    check (
      allowed_hosts is null
      or (cardinality(allowed_hosts) > 0 and array_position(allowed_hosts, null) is null and allow_internet is not true)
    )
);
comment on table copilot_internal.tenants is
  'Tenants that differ. What is null is as the settings have it: the functions'' for sandboxes, quotas and rates, copilot_internal.settings'' for answers.';
comment on column copilot_internal.tenants.is_disabled is
  'Its requests are refused. Its contexts end when it becomes so.';
comment on column copilot_internal.tenants.sandbox_quota is 'As TENANT_QUOTA.';
comment on column copilot_internal.tenants.conversation_quota is 'As CONVERSATION_QUOTA.';
comment on column copilot_internal.tenants.sleeping_quota is 'As TENANT_SLEEPING_QUOTA.';
comment on column copilot_internal.tenants.creates_per_minute is 'As TENANT_CREATES_PER_MINUTE.';
comment on column copilot_internal.tenants.executions_per_minute is 'As TENANT_EXECUTIONS_PER_MINUTE.';
comment on column copilot_internal.tenants.answer_mebibytes is 'As settings.tenant_answer_mebibytes.';
comment on column copilot_internal.tenants.answers is 'As settings.tenant_answers.';
comment on column copilot_internal.tenants.template is 'As SANDBOX_TEMPLATE, of sandboxes that are made from now on.';
comment on column copilot_internal.tenants.allow_internet is
  'As SANDBOX_INTERNET_ACCESS, of sandboxes that are made from now on.';
comment on column copilot_internal.tenants.allowed_hosts is
  'All that code may reach, where it may not reach the internet: host names (*.example.com is one), addresses, or blocks of them, as E2B''s network.allowOut has them.';
alter table copilot_internal.tenants enable row level security;

create or replace function copilot_internal.lock_claims(p_tenant_id text)
returns void
-- Every claim for a new context calls it: unlike SQL's, its plans are made once a session.
language plpgsql
volatile
set search_path = ''
as $$
begin
  -- Shared with the claims of other tenants: who closes all of them waits for those under way.
  perform pg_advisory_xact_lock_shared(hashtextextended('copilot_internal.settings.is_closed', 0));
  perform pg_advisory_xact_lock(hashtextextended('copilot_internal.execution_contexts ' || p_tenant_id, 0));
end
$$;
comment on function copilot_internal.lock_claims(text) is
  'Has claims of a tenant for new contexts, and whatever must not meet one half-way, come one after the other, until the transaction ends.';
revoke execute on function copilot_internal.lock_claims(text) from public, anon, authenticated;

create or replace function copilot_internal.lock_all_claims()
returns void
language sql
volatile
set search_path = ''
as $$
  select pg_advisory_xact_lock(hashtextextended('copilot_internal.settings.is_closed', 0))
$$;
comment on function copilot_internal.lock_all_claims() is
  'Waits for the claims for new contexts that are under way, of all tenants, and has others wait until the transaction ends.';
revoke execute on function copilot_internal.lock_all_claims() from public, anon, authenticated;

create or replace function copilot_internal.refusal(p_tenant_id text)
returns text
-- Every claim asks: unlike SQL's, its plans are made once a session.
language plpgsql
stable
set search_path = ''
as $$
begin
  return case
    when (select t.is_disabled from copilot_internal.tenants t where t.tenant_id = p_tenant_id) then 'tenant_disabled'
    when (select s.is_closed from copilot_internal.settings s) then 'closed'
  end;
end
$$;
comment on function copilot_internal.refusal(text) is
  'Why nothing new is begun for a tenant: tenant_disabled; closed, for everybody. Null where it is served.';
revoke execute on function copilot_internal.refusal(text) from public, anon, authenticated;

create or replace function copilot_internal.end_disabled_tenant()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  -- The claims' lock: those under way come to their end first, and later ones see that it is disabled.
  perform copilot_internal.lock_claims(new.tenant_id);
  -- Their kills are owed to the sweep.
  update copilot_internal.execution_contexts c
  set sandbox_status = 'terminated',
      termination_reason = 'terminated',
      terminated_at = clock_timestamp()
  where c.tenant_id = new.tenant_id and c.terminated_at is null;
  -- Afterwards: an execution that has just reused one of them is open by now.
  update copilot_internal.open_executions o
  set stop_requested_at = coalesce(o.stop_requested_at, clock_timestamp())
  where o.tenant_id = new.tenant_id;
  return null;
end
$$;
comment on function copilot_internal.end_disabled_tenant() is
  'Stops what a tenant runs, and ends its contexts, when it is disabled.';
revoke execute on function copilot_internal.end_disabled_tenant() from public, anon, authenticated;

drop trigger if exists end_disabled_tenant on copilot_internal.tenants;
create trigger end_disabled_tenant
  after insert or update of is_disabled on copilot_internal.tenants
  for each row
  when (new.is_disabled)
  execute function copilot_internal.end_disabled_tenant();
