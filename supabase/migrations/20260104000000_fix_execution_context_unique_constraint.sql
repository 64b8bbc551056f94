-- One *active* context a path, and any number of terminated ones. The index is the only arbiter of races: every
-- get-or-create is an insert against it.

-- The old constraint forbids it, but it may have been dropped by hand.
do $$
declare
  v_paths bigint;
begin
  select count(*) into v_paths
  from (
    select from copilot_internal.execution_contexts
    where terminated_at is null
    group by tenant_id, conversation_id, path_id
    having count(*) > 1
  ) doubled;
  if v_paths > 0 then
    raise exception '% paths have more than one active context; nothing has been changed', v_paths
      using hint = 'Decide which context of each path stays, set terminated_at and sandbox_status = ''terminated'' on the others, kill their sandboxes, and apply this migration again.';
  end if;
end
$$;

create unique index if not exists idx_execution_contexts_unique_active_path
  on copilot_internal.execution_contexts (tenant_id, conversation_id, path_id)
  where terminated_at is null;
comment on index copilot_internal.idx_execution_contexts_unique_active_path is
  'At most one active context a path, whatever the number of callers.';

-- Found by its columns: the first migration let Postgres choose the name, and a rollback gives it another one.
do $$
declare
  v_constraint name;
begin
  for v_constraint in
    select con.conname
    from pg_catalog.pg_constraint con
    where con.conrelid = 'copilot_internal.execution_contexts'::regclass
      and con.contype = 'u'
      and (
        select array_agg(att.attname::text order by att.attname)
        from pg_catalog.pg_attribute att
        where att.attrelid = con.conrelid and att.attnum = any (con.conkey)
      ) = array['conversation_id', 'path_id', 'tenant_id']
  loop
    execute format('alter table copilot_internal.execution_contexts drop constraint %I', v_constraint);
  end loop;
end
$$;

-- The clean-up finds what is old without reading what is not.
create index if not exists idx_execution_contexts_terminated_at
  on copilot_internal.execution_contexts (terminated_at)
  where terminated_at is not null;

create or replace function copilot_internal.cleanup_old_terminated_contexts(
  p_days_old integer default 7,
  p_limit integer default 100
)
returns table (deleted_count integer)
language plpgsql
set search_path = ''
as $$
begin
  if p_days_old is null or p_days_old < 0 or p_limit is null or p_limit < 0 then
    raise exception 'p_days_old and p_limit must not be negative'
      using errcode = 'invalid_parameter_value';
  end if;

  with old as (
    select c.id
    from copilot_internal.execution_contexts c
    where c.terminated_at < clock_timestamp() - make_interval(days => p_days_old)
    order by c.terminated_at
    limit p_limit
    for update skip locked
  )
  delete from copilot_internal.execution_contexts c using old where c.id = old.id;

  get diagnostics deleted_count = row_count;
  return next;
end
$$;
comment on function copilot_internal.cleanup_old_terminated_contexts(integer, integer) is
  'Deletes up to p_limit contexts that ended more than p_days_old days ago, the oldest first. Says how many.';
revoke execute on function copilot_internal.cleanup_old_terminated_contexts(integer, integer)
  from public, anon, authenticated;
