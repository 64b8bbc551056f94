-- Undoes 20260104000000: back to one row a path for ever, ended contexts included. That brings its bug back: a path
-- whose context has ended can never run code again. For emergencies, by hand:
--   psql "$DB_URL" -1 -v ON_ERROR_STOP=1 -f supabase/rollback/20260104000000_fix_execution_context_unique_constraint.sql
-- It refuses, and changes nothing, when the constraint could hold only if rows were deleted.
do $$
declare
  v_paths bigint;
begin
  select count(*) into v_paths
  from (
    select from copilot_internal.execution_contexts
    group by tenant_id, conversation_id, path_id
    having count(*) > 1
  ) repeated;
  if v_paths > 0 then
    raise exception '% paths have had more than one context; the old constraint cannot hold without losing them', v_paths
      using hint = 'Keep the partial index. If the history may go, delete the ended rows of these paths yourself (not those whose sandbox_killed_at is null), and try again.';
  end if;

  alter table copilot_internal.execution_contexts
    add constraint execution_contexts_path_unique unique (tenant_id, conversation_id, path_id);
  drop index copilot_internal.idx_execution_contexts_unique_active_path;
end
$$;
