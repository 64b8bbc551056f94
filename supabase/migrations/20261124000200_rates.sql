-- How often a tenant may do something: so many times a minute, all at once or spread over it.

-- Unlogged: what a crash forgets is a minute's count.
create unlogged table if not exists copilot_internal.rates (
  tenant_id text not null,
  kind text not null,
  spent_until timestamptz not null,
  primary key (tenant_id, kind),
  constraint rates_kind_check check (kind in ('create', 'execution'))
);
comment on table copilot_internal.rates is
  'How much of its minute each tenant has spent, on creating sandboxes and on executions.';
comment on column copilot_internal.rates.spent_until is
  'Each turn costs a minute divided by how many there may be, and moves this on; turns are granted while it is less than a minute ahead.';
alter table copilot_internal.rates enable row level security;

create or replace function copilot_internal.take_turn(p_tenant_id text, p_kind text, p_per_minute integer)
returns timestamptz
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_cost interval := interval '1 minute' / p_per_minute;
begin
  if p_per_minute is null then
    return null;
  end if;
  insert into copilot_internal.rates as r (tenant_id, kind, spent_until)
  values (p_tenant_id, p_kind, v_now + v_cost)
  on conflict (tenant_id, kind) do update
  set spent_until = greatest(r.spent_until, v_now) + v_cost
  where greatest(r.spent_until, v_now) + v_cost <= v_now + interval '1 minute';
  if found then
    return null;
  end if;
  return (
    select r.spent_until + v_cost - interval '1 minute'
    from copilot_internal.rates r
    where r.tenant_id = p_tenant_id and r.kind = p_kind
  );
end
$$;
comment on function copilot_internal.take_turn(text, text, integer) is
  'Takes one of the p_per_minute turns that a tenant has. Null: it is taken, or there is no limit. Else there is none left, and this is when there is one again.';
revoke execute on function copilot_internal.take_turn(text, text, integer) from public, anon, authenticated;

create or replace function copilot_internal.forget_rates()
returns table (deleted_count integer)
language plpgsql
set search_path = ''
as $$
begin
  delete from copilot_internal.rates r
  where r.ctid = any (array(
    select o.ctid from copilot_internal.rates o
    where o.spent_until < clock_timestamp()
    for update skip locked
  ));
  get diagnostics deleted_count = row_count;
  return next;
end
$$;
comment on function copilot_internal.forget_rates() is
  'Deletes what says no more than nothing would: the tenants whose whole minute is theirs again. Says how many.';
revoke execute on function copilot_internal.forget_rates() from public, anon, authenticated;
