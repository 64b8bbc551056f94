-- Closing the doors: nothing new is begun, for no tenant, while runs come to their end, contexts may be ended, and sweeps
-- go on. For those who move the database, change what all sandboxes are made of, or take all of this out.

create or replace function copilot_internal.wait_for_claims()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  -- Whoever closed finds every context that was made before, and none is made after.
  perform copilot_internal.lock_all_claims();
  return null;
end
$$;
comment on function copilot_internal.wait_for_claims() is
  'Has whoever closes wait for claims that have seen it open.';
revoke execute on function copilot_internal.wait_for_claims() from public, anon, authenticated;

drop trigger if exists wait_for_claims on copilot_internal.settings;
create trigger wait_for_claims
  after update of is_closed on copilot_internal.settings
  for each row
  when (new.is_closed and not old.is_closed)
  execute function copilot_internal.wait_for_claims();

create or replace function public.copilot_close(p_is_closed boolean)
returns boolean
language sql
volatile
security definer
set search_path = ''
as $$
  update copilot_internal.settings s
  set is_closed = p_is_closed
  where s.id
  returning s.is_closed
$$;
comment on function public.copilot_close(boolean) is
  'Closes, or opens again, for all tenants: while it is closed, requests for contexts and executions are refused, and everything else goes on. Once it has answered, no context is made that it does not find. Returns p_is_closed.';
revoke execute on function public.copilot_close(boolean) from public, anon, authenticated;
grant execute on function public.copilot_close(boolean) to service_role;
