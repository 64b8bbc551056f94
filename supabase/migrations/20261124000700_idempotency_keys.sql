-- Once only: an execution with an idempotency key is claimed before it runs, and its answer is kept for repeats. What a
-- tenant may have kept has a bound: beyond it the oldest go, and a repeat of theirs is told so.

create table if not exists copilot_internal.idempotency_keys (
  tenant_id text not null,
  idempotency_key text not null,
  conversation_id text not null,
  path_id text not null,
  execution_id uuid not null,
  request_hash text not null,
  alive_until timestamptz not null,
  sent_at timestamptz,
  stopped_at timestamptz,
  -- json, not jsonb: what code prints may hold \u0000, which jsonb refuses.
  answer json,
  answer_bytes integer,
  answered_at timestamptz,
  thrown_out_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  primary key (tenant_id, conversation_id, idempotency_key),
  constraint idempotency_keys_execution_unique unique (execution_id)
);
comment on table copilot_internal.idempotency_keys is
  'Executions that run once only, and their answers, for as long as settings.answer_hours says.';
comment on column copilot_internal.idempotency_keys.request_hash is
  'Of the request''s body: the same key with another body is refused.';
comment on column copilot_internal.idempotency_keys.alive_until is
  'While there is no answer: until when the process that runs it need not be heard of. After that it counts as dead.';
comment on column copilot_internal.idempotency_keys.sent_at is
  'When the code was about to be sent to the kernel. While it is null nothing has run, and a dead process''s claim may be taken over.';
comment on column copilot_internal.idempotency_keys.stopped_at is
  'When somebody asked to stop it. What had not been sent by then never is.';
comment on column copilot_internal.idempotency_keys.thrown_out_at is
  'When the answer went because the tenant had more than may be kept. Its answer is JSON''s null from then on: the key stays answered, so that its code is not run again.';
alter table copilot_internal.idempotency_keys enable row level security;

create index if not exists idx_idempotency_keys_expiry
  on copilot_internal.idempotency_keys (expires_at);
comment on index copilot_internal.idx_idempotency_keys_expiry is 'Clean-up.';
create index if not exists idx_idempotency_keys_answers
  on copilot_internal.idempotency_keys (tenant_id, answered_at) include (answer_bytes)
  where answered_at is not null and thrown_out_at is null;
comment on index copilot_internal.idx_idempotency_keys_answers is 'What is kept for a tenant, by age.';
create index if not exists idx_idempotency_keys_unanswered
  on copilot_internal.idempotency_keys (tenant_id, conversation_id, path_id)
  where answer is null;
comment on index copilot_internal.idx_idempotency_keys_unanswered is 'What may be stopped on a path.';

create or replace function copilot_internal.throw_out_answers(p_tenant_id text)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_settings copilot_internal.settings := (select s from copilot_internal.settings s);
  v_tenant copilot_internal.tenants := (select t from copilot_internal.tenants t where t.tenant_id = p_tenant_id);
  v_youngest timestamptz;
  v_count integer;
begin
  -- From the index alone.
  select max(kept.answered_at) into v_youngest
  from (
    select
      k.answered_at,
      row_number() over newest_first as number,
      sum(k.answer_bytes::bigint) over newest_first as bytes
    from copilot_internal.idempotency_keys k
    where k.tenant_id = p_tenant_id and k.answered_at is not null and k.thrown_out_at is null
    window newest_first as (order by k.answered_at desc rows unbounded preceding)
  ) kept
  where kept.number > coalesce(v_tenant.answers, v_settings.tenant_answers)
    or kept.bytes > coalesce(v_tenant.answer_mebibytes, v_settings.tenant_answer_mebibytes) * 1024::bigint * 1024;

  update copilot_internal.idempotency_keys k
  set answer = 'null', answer_bytes = null, thrown_out_at = clock_timestamp()
  where k.execution_id = any (array(
    select o.execution_id
    from copilot_internal.idempotency_keys o
    where o.tenant_id = p_tenant_id and o.answered_at <= v_youngest and o.thrown_out_at is null
    -- Those that somebody else throws out just now need not be waited for.
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
comment on function copilot_internal.throw_out_answers(text) is
  'Throws out the oldest answers of a tenant, until as many and as much are left as the tenant may have. Says how many went.';
revoke execute on function copilot_internal.throw_out_answers(text) from public, anon, authenticated;

create or replace function public.copilot_claim_execution(
  p_execution_id uuid,
  p_tenant_id text,
  p_idempotency_key text,
  p_request_hash text,
  p_conversation_id text,
  p_path_id text,
  p_lease_seconds integer,
  p_most_bytes integer default null,
  p_user_id text default null
)
returns table (outcome text, answer json, answer_bytes integer)
language plpgsql
volatile
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_key copilot_internal.idempotency_keys;
begin
  -- Where it is closed, what has begun is told of as ever; what has not is refused by its claim of a context.
  if copilot_internal.refusal(p_tenant_id) = 'tenant_disabled' then
    return query select 'tenant_disabled', null::json, null::integer;
    return;
  end if;
  if copilot_internal.is_forbidden_to(p_tenant_id, p_conversation_id, p_user_id) then
    return query select 'forbidden', null::json, null::integer;
    return;
  end if;

  for turn in 1..10 loop
    delete from copilot_internal.idempotency_keys k
    where k.tenant_id = p_tenant_id and k.conversation_id = p_conversation_id and k.idempotency_key = p_idempotency_key and k.expires_at <= clock_timestamp();

    insert into copilot_internal.idempotency_keys as k (
      tenant_id, idempotency_key, conversation_id, path_id, execution_id, request_hash, alive_until, expires_at
    )
    select
      p_tenant_id, p_idempotency_key, p_conversation_id, p_path_id, p_execution_id, p_request_hash,
      clock_timestamp() + make_interval(secs => p_lease_seconds),
      clock_timestamp() + make_interval(hours => s.answer_hours)
    from copilot_internal.settings s
    on conflict do nothing;
    if found then
      return query select 'claimed', null::json, null::integer;
      return;
    end if;

    update copilot_internal.idempotency_keys k
    set execution_id = p_execution_id,
        alive_until = clock_timestamp() + make_interval(secs => p_lease_seconds),
        -- As for a new one: the key must not expire while it runs.
        expires_at = clock_timestamp() + make_interval(hours => s.answer_hours)
    from copilot_internal.settings s
    where k.tenant_id = p_tenant_id and k.conversation_id = p_conversation_id and k.idempotency_key = p_idempotency_key and k.request_hash = p_request_hash
      and k.sent_at is null and k.stopped_at is null and k.answer is null and k.alive_until <= clock_timestamp();
    if found then
      return query select 'claimed', null::json, null::integer;
      return;
    end if;

    select k.* into v_key
    from copilot_internal.idempotency_keys k
    where k.tenant_id = p_tenant_id and k.conversation_id = p_conversation_id and k.idempotency_key = p_idempotency_key;
    -- Whoever held it found that nothing ran and let it go since we looked: look again.
    continue when not found;
    -- Or its lease has ended since then, and it can be taken over.
    continue when v_key.request_hash = p_request_hash and v_key.sent_at is null and v_key.stopped_at is null
      and v_key.answer is null and v_key.alive_until <= clock_timestamp();

    return query select
      case
        when v_key.request_hash <> p_request_hash then 'mismatch'
        when v_key.thrown_out_at is not null then 'thrown_out'
        when v_key.answer is not null then 'finished'
        -- The answer to this very claim was lost and its holder asks again.
        when v_key.execution_id = p_execution_id then 'claimed'
        when v_key.alive_until > clock_timestamp() then 'running'
        when v_key.sent_at is null then 'stopped'
        else 'lost'
      end,
      case
        when v_key.request_hash = p_request_hash and v_key.thrown_out_at is null
          and (p_most_bytes is null or v_key.answer_bytes <= p_most_bytes) then v_key.answer
      end,
      case when v_key.request_hash = p_request_hash then v_key.answer_bytes end;
    return;
  end loop;
  return query select 'running', null::json, null::integer;
end
$$;
comment on function public.copilot_claim_execution(uuid, text, text, text, text, text, integer, integer, text) is
  'The right to run what has this idempotency key. claimed: the caller runs it, and keeps the claim alive while it does. running: another request does. finished: it has, and this is its answer, unless that has more than p_most_bytes. thrown_out: it has, and its answer is kept no more. tenant_disabled: nothing is done for this tenant. forbidden: the conversation is not open to p_user_id. mismatch: the key belongs to another request body. stopped: somebody has stopped it before it was sent, and the process that was to send it has died. lost: the process that ran it died after it had sent the code, and nobody knows how far it came.';
revoke execute on function public.copilot_claim_execution(uuid, text, text, text, text, text, integer, integer, text)
  from public, anon, authenticated;
grant execute on function public.copilot_claim_execution(uuid, text, text, text, text, text, integer, integer, text) to service_role;

create or replace function public.copilot_keep_execution(p_execution_id uuid, p_lease_seconds integer)
returns boolean
language sql
volatile
security definer
set search_path = ''
as $$
  with kept as (
    update copilot_internal.idempotency_keys k
    set alive_until = clock_timestamp() + make_interval(secs => p_lease_seconds)
    where k.execution_id = p_execution_id and k.answer is null
      -- Not again what was given up.
      and not (k.stopped_at is not null and k.alive_until <= clock_timestamp())
    returning 1
  )
  select exists (select from kept)
$$;
comment on function public.copilot_keep_execution(uuid, integer) is
  'Says that the process which runs a claimed execution is alive, for so many more seconds. False if there is no such claim.';
revoke execute on function public.copilot_keep_execution(uuid, integer) from public, anon, authenticated;
grant execute on function public.copilot_keep_execution(uuid, integer) to service_role;

create or replace function public.copilot_release_execution(p_execution_id uuid)
returns boolean
language sql
volatile
security definer
set search_path = ''
as $$
  -- What somebody has stopped is not to be run by the next request either, which is told so at once.
  update copilot_internal.idempotency_keys k
  set alive_until = least(k.alive_until, clock_timestamp()), sent_at = null
  where k.execution_id = p_execution_id and k.answer is null and k.stopped_at is not null
    and not exists (select from copilot_internal.executions e where e.id = k.execution_id);
  with released as (
    delete from copilot_internal.idempotency_keys k
    where k.execution_id = p_execution_id and k.answer is null and k.stopped_at is null
      and not exists (select from copilot_internal.executions e where e.id = k.execution_id)
    returning 1
  )
  select exists (select from released)
$$;
comment on function public.copilot_release_execution(uuid) is
  'Gives up a claimed execution of which nothing ran: the next request with its key may run it. False if there is no such claim, or the ledger knows better, or somebody has stopped it.';
revoke execute on function public.copilot_release_execution(uuid) from public, anon, authenticated;
grant execute on function public.copilot_release_execution(uuid) to service_role;

create or replace function public.copilot_send_execution(p_execution_id uuid)
returns text
language sql
volatile
security definer
set search_path = ''
as $$
  with asked as (
    update copilot_internal.idempotency_keys k
    set sent_at = case when k.stopped_at is null then coalesce(k.sent_at, clock_timestamp()) end
    where k.execution_id = p_execution_id and k.answer is null
    returning k.sent_at
  )
  select case
    when not exists (select from asked) then 'taken_over'
    when exists (select from asked a where a.sent_at is null) then 'stopped'
    else 'sent'
  end
$$;
comment on function public.copilot_send_execution(uuid) is
  'Asks leave to send a claimed execution to its kernel. sent: nobody takes its claim over from then on. stopped: somebody has asked for its end. taken_over: somebody else runs it. In the last two it must not be sent.';
revoke execute on function public.copilot_send_execution(uuid) from public, anon, authenticated;
grant execute on function public.copilot_send_execution(uuid) to service_role;

create or replace function public.copilot_answer_execution(p_execution_id uuid, p_answer text default null)
returns boolean
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_tenant_id text;
begin
  update copilot_internal.idempotency_keys k
  set answer = p_answer::json,
      answer_bytes = octet_length(p_answer),
      answered_at = case when p_answer is not null then clock_timestamp() end,
      -- Without an answer nothing more will come: those who ask again are told so at once.
      alive_until = least(k.alive_until, clock_timestamp())
  where k.execution_id = p_execution_id and k.answer is null
  returning k.tenant_id into v_tenant_id;
  if not found then
    return false;
  end if;
  if p_answer is not null then
    perform copilot_internal.throw_out_answers(v_tenant_id);
  end if;
  return true;
end
$$;
comment on function public.copilot_answer_execution(uuid, text) is
  'Ends the claim on a key: with the answer (JSON) that its repeats get, or without one when nobody knows how the execution ended. False if there is no such claim, or it has its answer.';
revoke execute on function public.copilot_answer_execution(uuid, text) from public, anon, authenticated;
grant execute on function public.copilot_answer_execution(uuid, text) to service_role;
