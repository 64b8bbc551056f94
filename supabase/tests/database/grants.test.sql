-- Who may execute and read what. Postgres lets PUBLIC execute every new function, so a grant that was forgotten shows here.

begin;
\ir setup.psql
select plan(120);

create temp view roles as
select rolname::text as role from pg_roles where rolname in ('anon', 'authenticated', 'service_role');
-- Those of extensions are not ours to grant, and pgTAP itself may stand in public.
create temp view functions as
select p.oid, p.oid::regprocedure::text as name, n.nspname as schema, p.prosecdef, p.prosrc
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname in ('public', 'copilot_internal')
  and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e');

select set_eq(
  'select role from roles', array['anon', 'authenticated', 'service_role'], 'the roles of the API are there'
);
select isnt_empty($$ select from functions where schema = 'public' and prosecdef $$, 'there is something to look at');
select is_empty(
  $$
    select name, role from functions, roles
    where schema = 'public' and prosecdef and role <> 'service_role' and has_function_privilege(role, oid, 'execute')
  $$,
  'no user may execute a function that runs with its owner''s rights'
);
select is_empty(
  $$
    select name from functions
    where schema = 'public' and prosecdef and not has_function_privilege('service_role', oid, 'execute')
  $$,
  'a service may execute all of them'
);
select is_empty(
  $$
    select name, role from functions, roles
    where schema = 'copilot_internal' and has_function_privilege(role, oid, 'execute')
      -- They stand behind the views.
      and not (role <> 'anon' and name = 'copilot_internal.visible_contexts()')
      and not (role = 'service_role' and name = 'copilot_internal.overview()')
  $$,
  'nobody may execute what is internal'
);
select is_empty(
  $$ select name from functions where (schema = 'copilot_internal' or prosecdef) and has_function_privilege('public', oid, 'execute') $$,
  'nor is any of it open to roles that are made later'
);
select function_privs_are('public', name, arguments, role, case role when 'service_role' then array['EXECUTE'] else '{}' end)
from (
  values
    ('copilot_claim_context', array['uuid', 'text', 'text', 'text', 'integer', 'integer', 'integer', 'integer', 'uuid', 'integer', 'integer', 'integer', 'integer', 'integer', 'uuid', 'text', 'integer', 'boolean', 'text', 'integer', 'text', 'double precision', 'text']),
    ('copilot_keep_claim', array['uuid', 'integer']),
    ('copilot_hold_source', array['uuid', 'integer']),
    ('copilot_let_source_go', array['uuid', 'uuid']),
    ('copilot_release_wake', array['uuid', 'timestamp with time zone']),
    ('copilot_fail_context', array['uuid', 'text', 'boolean', 'integer', 'boolean']),
    ('copilot_settle_claim', array['uuid']),
    ('copilot_activate_context', array['uuid', 'text', 'integer', 'text', 'double precision', 'text', 'boolean']),
    ('copilot_note_sandbox', array['uuid', 'text', 'double precision', 'text']),
    ('copilot_close', array['boolean']),
    ('copilot_health', array[]::text[]),
    ('copilot_note_sweep', array[]::text[]),
    ('copilot_sweep_place', array[]::text[]),
    ('copilot_move_sweep_place', array['boolean', 'text', 'timestamp with time zone']),
    ('copilot_terminate_contexts', array['text', 'text', 'text', 'uuid', 'text', 'boolean']),
    ('copilot_take_owed_kills', array['integer', 'integer']),
    ('copilot_start_execution', array['uuid', 'uuid', 'text', 'integer', 'integer', 'integer', 'timestamp with time zone']),
    ('copilot_finish_execution', array['uuid', 'uuid', 'text', 'text', 'integer', 'bigint', 'text']),
    ('copilot_is_kernel_in_use', array['uuid', 'uuid', 'text', 'integer']),
    ('copilot_note_kernel_restart', array['uuid', 'uuid', 'text']),
    ('copilot_claim_execution', array['uuid', 'text', 'text', 'text', 'text', 'text', 'integer', 'integer', 'text']),
    ('copilot_keep_execution', array['uuid', 'integer']),
    ('copilot_release_execution', array['uuid']),
    ('copilot_send_execution', array['uuid']),
    ('copilot_answer_execution', array['uuid', 'text']),
    ('copilot_kernel_state', array['uuid', 'uuid', 'text', 'integer', 'timestamp with time zone', 'integer']),
    ('copilot_loss_of_state', array['text', 'text', 'text', 'uuid']),
    ('copilot_forget', array['text', 'text', 'boolean', 'integer']),
    ('copilot_close_execution', array['uuid']),
    ('copilot_stop_executions', array['text', 'text', 'text', 'uuid', 'text', 'text', 'text']),
    ('copilot_stopped_executions', array['uuid[]']),
    ('copilot_hold_kernel', array['uuid', 'uuid', 'text', 'integer']),
    ('copilot_release_kernel', array['uuid', 'timestamp with time zone']),
    ('copilot_execution_usage', array['date', 'date', 'text', 'text', 'text'])
) as entry (name, arguments), roles
order by name, role;

select schema_privs_are('copilot_internal', role, '{}') from roles order by role;
select is_empty(
  $$
    select role, c.oid::regclass, privilege
    from roles, unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) privilege, pg_class c
    where c.relnamespace = 'copilot_internal'::regnamespace and c.relkind = 'r' and has_table_privilege(role, c.oid, privilege)
  $$,
  'nobody has any of the tables whole'
);
select is_empty(
  $$
    select role, c.oid::regclass, attname
    from roles, pg_class c join pg_attribute on attrelid = c.oid and attnum > 0 and not attisdropped
    where c.relnamespace = 'copilot_internal'::regnamespace and c.relkind = 'r' and c.relname <> 'execution_contexts'
      and has_column_privilege(role, attrelid, attnum, 'select, insert, update, references')
  $$,
  'nor a column of the ledger, the keys or the settings'
);
select is_empty(
  $$
    select role, attname
    from roles, pg_attribute
    where attrelid = 'copilot_internal.execution_contexts'::regclass and attnum > 0 and not attisdropped
      and has_column_privilege(role, attrelid, attnum, 'select, insert, update, references')
  $$,
  'nor of the contexts: the view has a function between'
);
select table_privs_are('public', 'execution_contexts', role, case role when 'anon' then '{}' else array['SELECT'] end)
from roles order by role;
select table_privs_are(
  'public', 'execution_contexts_overview', role, case role when 'service_role' then array['SELECT'] else '{}' end
)
from roles order by role;

select * from finish();
rollback;
