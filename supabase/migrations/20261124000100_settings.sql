-- What the database goes by. The functions have settings of their own, in their environment.

create table if not exists copilot_internal.settings (
  id boolean primary key default true,
  ledger_days integer not null default 400,
  answer_hours integer not null default 24,
  tenant_answer_mebibytes integer not null default 64,
  tenant_answers integer not null default 10000,
  conversation_access text not null default 'owner',
  is_closed boolean not null default false,
  constraint settings_one_row check (id),
  constraint settings_ledger_days_check check (ledger_days between 1 and 36500),
  constraint settings_answer_hours_check check (answer_hours between 1 and 8760),
  constraint settings_tenant_answers_check
    check (tenant_answer_mebibytes between 16 and 1048576 and tenant_answers between 1 and 1000000),
  constraint settings_conversation_access_check check (conversation_access in ('owner', 'tenant'))
);
comment on table copilot_internal.settings is
  'What the schedule goes by: one row. (The functions have settings of their own, in their environment.)';
comment on column copilot_internal.settings.ledger_days is
  'For how long executions and the lives of sandboxes are kept.';
comment on column copilot_internal.settings.answer_hours is
  'For how long the answer to an execution with an idempotency key is kept, its output included.';
comment on column copilot_internal.settings.tenant_answer_mebibytes is
  'How much of answers to executions with an idempotency key is kept for a tenant.';
comment on column copilot_internal.settings.tenant_answers is
  'How many of them.';
comment on column copilot_internal.settings.conversation_access is
  'Who may use a conversation: owner, who made it, alone; or every user of its tenant. (See copilot_internal.may_use.)';
comment on column copilot_internal.settings.is_closed is
  'Nothing new is begun, for no tenant; what there is goes on, and may be ended. (See public.copilot_close.)';
alter table copilot_internal.settings enable row level security;
insert into copilot_internal.settings default values on conflict do nothing;
