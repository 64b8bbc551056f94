-- Once only: an execution with an idempotency key is claimed before it runs, and its answer is kept for repeats.

create table if not exists copilot_internal.idempotency_keys (
  tenant_id text not null,
  idempotency_key text not null,
  execution_id uuid not null,
  request_hash text not null,
  alive_until timestamptz not null,
  sent_at timestamptz,
  -- json, not jsonb: what code prints may hold \u0000, which jsonb refuses.
  answer json,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  primary key (tenant_id, idempotency_key),
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
alter table copilot_internal.idempotency_keys enable row level security;

create index if not exists idx_idempotency_keys_expiry
  on copilot_internal.idempotency_keys (expires_at);
comment on index copilot_internal.idx_idempotency_keys_expiry is 'Clean-up.';

create or replace function public.claim_execution(
  p_execution_id uuid,
  p_tenant_id text,
  p_idempotency_key text,
  p_request_hash text,
  p_lease_seconds integer
)
returns table (outcome text, answer json)
language plpgsql
volatile
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_key copilot_internal.idempotency_keys;
begin
  for turn in 1..10 loop
    delete from copilot_internal.idempotency_keys k
    where k.tenant_id = p_tenant_id and k.idempotency_key = p_idempotency_key and k.expires_at <= clock_timestamp();

    insert into copilot_internal.idempotency_keys as k (
      tenant_id, idempotency_key, execution_id, request_hash, alive_until, expires_at
    )
    select
      p_tenant_id, p_idempotency_key, p_execution_id, p_request_hash,
      clock_timestamp() + make_interval(secs => p_lease_seconds),
      clock_timestamp() + make_interval(hours => s.answer_hours)
    from copilot_internal.settings s
    on conflict do nothing;
    if found then
      return query select 'claimed', null::json;
      return;
    end if;

    update copilot_internal.idempotency_keys k
    set execution_id = p_execution_id,
        alive_until = clock_timestamp() + make_interval(secs => p_lease_seconds),
        -- As for a new one: the key must not expire while it runs.
        expires_at = clock_timestamp() + make_interval(hours => s.answer_hours)
    from copilot_internal.settings s
    where k.tenant_id = p_tenant_id and k.idempotency_key = p_idempotency_key and k.request_hash = p_request_hash
      and k.sent_at is null and k.answer is null and k.alive_until <= clock_timestamp();
    if found then
      return query select 'claimed', null::json;
      return;
    end if;

    select k.* into v_key
    from copilot_internal.idempotency_keys k
    where k.tenant_id = p_tenant_id and k.idempotency_key = p_idempotency_key;
    -- Whoever held it found that nothing ran and let it go since we looked: look again.
    continue when not found;
    -- Or its lease has ended since then, and it can be taken over.
    continue when v_key.request_hash = p_request_hash and v_key.sent_at is null and v_key.answer is null
      and v_key.alive_until <= clock_timestamp();

    return query select
      case
        when v_key.request_hash <> p_request_hash then 'mismatch'
        when v_key.answer is not null then 'finished'
        -- The answer to this very claim was lost and its holder asks again.
        when v_key.execution_id = p_execution_id then 'claimed'
        when v_key.alive_until > clock_timestamp() then 'running'
        else 'lost'
      end,
      case when v_key.request_hash = p_request_hash then v_key.answer end;
    return;
  end loop;
  return query select 'running', null::json;
end
$$;
comment on function public.claim_execution(uuid, text, text, text, integer) is
  'The right to run what has this idempotency key. claimed: the caller runs it, and keeps the claim alive while it does. running: another request does. finished: it has, and this is its answer. mismatch: the key belongs to another request body. lost: the process that ran it died after it had sent the code, and nobody knows how far it came.';
revoke execute on function public.claim_execution(uuid, text, text, text, integer) from public, anon, authenticated;
grant execute on function public.claim_execution(uuid, text, text, text, integer) to service_role;

create or replace function public.keep_execution(p_execution_id uuid, p_lease_seconds integer)
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
    returning 1
  )
  select exists (select from kept)
$$;
comment on function public.keep_execution(uuid, integer) is
  'Says that the process which runs a claimed execution is alive, for so many more seconds. False if there is no such claim.';
revoke execute on function public.keep_execution(uuid, integer) from public, anon, authenticated;
grant execute on function public.keep_execution(uuid, integer) to service_role;

create or replace function public.release_execution(p_execution_id uuid)
returns boolean
language sql
volatile
security definer
set search_path = ''
as $$
  with released as (
    delete from copilot_internal.idempotency_keys k
    where k.execution_id = p_execution_id and k.answer is null
      and not exists (select from copilot_internal.executions e where e.id = k.execution_id)
    returning 1
  )
  select exists (select from released)
$$;
comment on function public.release_execution(uuid) is
  'Gives up a claimed execution of which nothing ran: the next request with its key may run it. False if there is no such claim, or the ledger knows better.';
revoke execute on function public.release_execution(uuid) from public, anon, authenticated;
grant execute on function public.release_execution(uuid) to service_role;

create or replace function public.send_execution(p_execution_id uuid)
returns boolean
language sql
volatile
security definer
set search_path = ''
as $$
  with sent as (
    update copilot_internal.idempotency_keys k
    set sent_at = coalesce(k.sent_at, clock_timestamp())
    where k.execution_id = p_execution_id and k.answer is null
    returning 1
  )
  select exists (select from sent)
$$;
comment on function public.send_execution(uuid) is
  'Notes that a claimed execution is about to be sent to its kernel: from then on nobody takes its claim over. False if somebody has, and it must not be sent.';
revoke execute on function public.send_execution(uuid) from public, anon, authenticated;
grant execute on function public.send_execution(uuid) to service_role;

create or replace function public.answer_execution(p_execution_id uuid, p_answer text default null)
returns boolean
language sql
volatile
security definer
set search_path = ''
as $$
  with answered as (
    update copilot_internal.idempotency_keys k
    set answer = p_answer::json,
        -- Without an answer nothing more will come: those who ask again are told so at once.
        alive_until = least(k.alive_until, clock_timestamp())
    where k.execution_id = p_execution_id and k.answer is null
    returning 1
  )
  select exists (select from answered)
$$;
comment on function public.answer_execution(uuid, text) is
  'Ends the claim on a key: with the answer (JSON) that its repeats get, or without one when nobody knows how the execution ended. False if there is no such claim, or it has its answer.';
revoke execute on function public.answer_execution(uuid, text) from public, anon, authenticated;
grant execute on function public.answer_execution(uuid, text) to service_role;
