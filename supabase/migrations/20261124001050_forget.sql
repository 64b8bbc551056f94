-- Forgetting a tenant, or one of its users: what they said and ran, and that they did.

create or replace function public.copilot_forget(
  p_tenant_id text,
  p_user_id text default null,
  p_all boolean default false,
  p_limit integer default 10000
)
returns table (ended_contexts integer, deleted_rows integer, left_contexts integer, is_done boolean)
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_deleted integer;
  v_conversations text[];
begin
  -- A user's id that got lost on the way must not cost a tenant everything.
  if (p_user_id is null) <> p_all then
    raise exception 'either p_user_id or p_all must be given' using errcode = 'invalid_parameter_value';
  end if;
  -- The claims' lock: none of this tenant is under way, and whose a conversation is stays as it is.
  perform copilot_internal.lock_claims(p_tenant_id);
  v_conversations := array(
    select v.conversation_id from copilot_internal.conversations v
    where v.tenant_id = p_tenant_id and (p_all or v.user_id = p_user_id)
  );

  -- Their kills are owed to the sweep.
  update copilot_internal.execution_contexts c
  set sandbox_status = 'terminated',
      termination_reason = 'terminated',
      terminated_at = clock_timestamp()
  where c.tenant_id = p_tenant_id and c.terminated_at is null
    and (p_all or c.conversation_id = any (v_conversations));
  get diagnostics ended_contexts = row_count;

  deleted_rows := 0;
  -- In the order of copilot_stop_executions.
  delete from copilot_internal.idempotency_keys k
  where k.ctid = any (array(
    select o.ctid from copilot_internal.idempotency_keys o
    where o.tenant_id = p_tenant_id and (p_all or o.conversation_id = any (v_conversations))
    limit p_limit
  ));
  get diagnostics v_deleted = row_count;
  deleted_rows := deleted_rows + v_deleted;
  update copilot_internal.open_executions o
  set stop_requested_at = coalesce(o.stop_requested_at, clock_timestamp())
  where o.tenant_id = p_tenant_id and (p_all or o.conversation_id = any (v_conversations));
  delete from copilot_internal.executions e
  where e.ctid = any (array(
    select o.ctid from copilot_internal.executions o
    where o.tenant_id = p_tenant_id and (p_all or o.conversation_id = any (v_conversations))
    limit p_limit
  ));
  get diagnostics v_deleted = row_count;
  deleted_rows := deleted_rows + v_deleted;
  delete from copilot_internal.execution_contexts c
  where c.ctid = any (array(
    select o.ctid from copilot_internal.execution_contexts o
    where o.tenant_id = p_tenant_id and (p_all or o.conversation_id = any (v_conversations))
      -- Of one that may be alive this row is all that anybody knows.
      and o.terminated_at is not null and copilot_internal.has_left_nothing(o)
    limit p_limit
  ));
  get diagnostics v_deleted = row_count;
  deleted_rows := deleted_rows + v_deleted;
  delete from copilot_internal.sandbox_lives l
  where l.ctid = any (array(
    select o.ctid from copilot_internal.sandbox_lives o
    where o.tenant_id = p_tenant_id and (p_all or o.conversation_id = any (v_conversations))
    limit p_limit
  ));
  get diagnostics v_deleted = row_count;
  deleted_rows := deleted_rows + v_deleted;

  left_contexts := (
    select count(*) from copilot_internal.execution_contexts c
    where c.tenant_id = p_tenant_id and (p_all or c.conversation_id = any (v_conversations))
  );
  is_done := left_contexts = 0 and deleted_rows = 0;
  if is_done then
    -- Last: they say what is whose.
    delete from copilot_internal.open_executions o
    where o.tenant_id = p_tenant_id and (p_all or o.conversation_id = any (v_conversations));
    delete from copilot_internal.conversations v
    where v.tenant_id = p_tenant_id and v.conversation_id = any (v_conversations);
    if p_all then
      delete from copilot_internal.rates r where r.tenant_id = p_tenant_id;
    end if;
  end if;
  return next;
end
$$;
comment on function public.copilot_forget(text, text, boolean, integer) is
  'Stops and ends all that a tenant has, with p_all, or one of its users in the conversations that are theirs, and deletes what is known of it: answers, the ledger, usage, contexts, up to p_limit rows of each. left_contexts: those whose sandbox is not known to be gone, which the sweep sees to. Ask again until is_done: then nothing was left.';
revoke execute on function public.copilot_forget(text, text, boolean, integer) from public, anon, authenticated;
grant execute on function public.copilot_forget(text, text, boolean, integer) to service_role;
