-- Whose a conversation is. It belongs to the user who made it; whether others of the tenant may use it is one function,
-- which an application replaces by its own test of membership. Of contexts that are older than this table nobody can say
-- whose conversation they are in: it is theirs who come first, unless the application writes here who made it.

create table if not exists copilot_internal.conversations (
  tenant_id text not null,
  conversation_id text not null,
  user_id text,
  last_used_at timestamptz not null default clock_timestamp(),
  primary key (tenant_id, conversation_id)
);
comment on table copilot_internal.conversations is
  'Conversations, from the first request for one of their paths on.';
comment on column copilot_internal.conversations.user_id is
  'Who made it: the sub of the token, or whom a service named. Null: a service, for the tenant.';
comment on column copilot_internal.conversations.last_used_at is
  'When a context was made there last, or, to a day, ended.';
alter table copilot_internal.conversations enable row level security;

create index if not exists idx_conversations_user
  on copilot_internal.conversations (tenant_id, user_id);
comment on index copilot_internal.idx_conversations_user is 'What is a user''s.';
create index if not exists idx_conversations_age
  on copilot_internal.conversations (last_used_at);
comment on index copilot_internal.idx_conversations_age is 'Clean-up.';

create or replace function copilot_internal.may_use(p_tenant_id text, p_user_id text, p_conversation_id text)
returns boolean
language sql
stable
set search_path = ''
as $$
  select s.conversation_access = 'tenant' from copilot_internal.settings s
$$;
comment on function copilot_internal.may_use(text, text, text) is
  'Whether a user may use a conversation of their tenant that is not theirs: see it, run code in it, stop that, end its contexts. Replace its body by your own test of membership; it is asked with its owner''s rights.';
revoke execute on function copilot_internal.may_use(text, text, text) from public, anon, authenticated;

create or replace function copilot_internal.is_open_to(p_tenant_id text, p_conversation_id text, p_user_id text)
returns boolean
-- Every claim asks: unlike SQL's, its plans are made once a session.
language plpgsql
stable
set search_path = ''
as $$
begin
  -- By itself: an expression with a subquery is a query, also where its first word decides.
  if p_user_id is null then
    return true;
  end if;
  return exists (
      select from copilot_internal.conversations v
      where v.tenant_id = p_tenant_id and v.conversation_id = p_conversation_id and v.user_id = p_user_id
    )
    or coalesce(copilot_internal.may_use(p_tenant_id, p_user_id, p_conversation_id), false);
end
$$;
comment on function copilot_internal.is_open_to(text, text, text) is
  'Whether a conversation is open to a user of its tenant; null is the tenant itself.';
revoke execute on function copilot_internal.is_open_to(text, text, text) from public, anon, authenticated;

create or replace function copilot_internal.is_forbidden_to(p_tenant_id text, p_conversation_id text, p_user_id text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from copilot_internal.conversations v
    where v.tenant_id = p_tenant_id and v.conversation_id = p_conversation_id
  ) and not copilot_internal.is_open_to(p_tenant_id, p_conversation_id, p_user_id);
end
$$;
comment on function copilot_internal.is_forbidden_to(text, text, text) is
  'Whether a conversation is somebody else''s. One that nobody has made yet is neither closed nor open.';
revoke execute on function copilot_internal.is_forbidden_to(text, text, text) from public, anon, authenticated;

create or replace function copilot_internal.enter_conversation(p_tenant_id text, p_conversation_id text, p_user_id text)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
begin
  -- An update, which a clean-up that is at it sees, and passes over.
  update copilot_internal.conversations v
  set last_used_at = clock_timestamp()
  where v.tenant_id = p_tenant_id and v.conversation_id = p_conversation_id;
  if not found then
    insert into copilot_internal.conversations (tenant_id, conversation_id, user_id)
    values (p_tenant_id, p_conversation_id, p_user_id)
    on conflict do nothing;
    if found then
      return true;
    end if;
  end if;
  return copilot_internal.is_open_to(p_tenant_id, p_conversation_id, p_user_id);
end
$$;
comment on function copilot_internal.enter_conversation(text, text, text) is
  'Whether a user may use a conversation, which is theirs if nobody has before.';
revoke execute on function copilot_internal.enter_conversation(text, text, text) from public, anon, authenticated;
