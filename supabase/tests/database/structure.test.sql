-- The shape that everything else relies on: the table, its indexes and constraints, and what the functions have in common.

begin;
create extension if not exists pgtap with schema extensions;
set local search_path = extensions, public, pg_temp;
select plan(19);

select has_schema('copilot_internal');
select has_table('copilot_internal', 'execution_contexts', 'the table exists');

select results_eq(
  $$
    select attname::text collate "default", format_type(atttypid, atttypmod), attnotnull
    from pg_attribute
    where attrelid = 'copilot_internal.execution_contexts'::regclass and attnum > 0 and not attisdropped
    order by attname::text collate "C"
  $$,
  $$
    values
      ('activated_at', 'timestamp with time zone', false),
      ('conversation_id', 'text', true),
      ('created_at', 'timestamp with time zone', true),
      ('error_code', 'text', false),
      ('error_final', 'boolean', false),
      ('error_retry_after_seconds', 'integer', false),
      ('expires_at', 'timestamp with time zone', true),
      ('id', 'uuid', true),
      ('kill_attempted_at', 'timestamp with time zone', false),
      ('last_used_at', 'timestamp with time zone', true),
      ('path_id', 'text', true),
      ('previous_terminated_at', 'timestamp with time zone', false),
      ('previous_termination_reason', 'text', false),
      ('sandbox_id', 'text', false),
      ('sandbox_killed_at', 'timestamp with time zone', false),
      ('sandbox_status', 'text', true),
      ('tenant_id', 'text', true),
      ('terminated_at', 'timestamp with time zone', false),
      ('termination_reason', 'text', false),
      ('ttl_seconds', 'integer', true)
  $$,
  'it has these columns'
);
select col_is_pk('copilot_internal', 'execution_contexts', 'id', 'id is its key');
select is_empty(
  $$
    select column_name from information_schema.columns
    where table_schema = 'copilot_internal' and table_name = 'execution_contexts' and column_default is not null
      and column_name not in ('id', 'created_at', 'last_used_at')
  $$,
  'a state and its deadline have no default: each insert must say them'
);

select is(
  pg_get_indexdef('copilot_internal.idx_execution_contexts_unique_active_path'::regclass),
  'CREATE UNIQUE INDEX idx_execution_contexts_unique_active_path ON copilot_internal.execution_contexts '
    'USING btree (tenant_id, conversation_id, path_id) WHERE (terminated_at IS NULL)',
  'the arbiter of races counts active contexts only'
);
select is(
  pg_get_indexdef('copilot_internal.idx_execution_contexts_terminated_at'::regclass),
  'CREATE INDEX idx_execution_contexts_terminated_at ON copilot_internal.execution_contexts '
    'USING btree (terminated_at) WHERE (terminated_at IS NOT NULL)',
  'the clean-up has its index'
);
select is(
  pg_get_indexdef('copilot_internal.idx_execution_contexts_path_history'::regclass),
  'CREATE INDEX idx_execution_contexts_path_history ON copilot_internal.execution_contexts '
    'USING btree (tenant_id, conversation_id, path_id, terminated_at DESC) '
    'WHERE ((terminated_at IS NOT NULL) AND (activated_at IS NOT NULL))',
  'the look at a path''s last context has its index'
);
select is(
  pg_get_indexdef('copilot_internal.idx_execution_contexts_unconfirmed_kills'::regclass),
  'CREATE INDEX idx_execution_contexts_unconfirmed_kills ON copilot_internal.execution_contexts '
    'USING btree (terminated_at) '
    'WHERE ((terminated_at IS NOT NULL) AND (sandbox_id IS NOT NULL) AND (sandbox_killed_at IS NULL))',
  'the owed kills have their index'
);
select is_empty(
  $$
    select i.indexrelid::regclass
    from pg_index i
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
    where i.indrelid = 'copilot_internal.execution_contexts'::regclass
      and a.attname in ('last_used_at', 'expires_at', 'ttl_seconds')
  $$,
  'what a touch writes is in no index, so a touch can be a HOT update'
);
select is_empty(
  $$
    select conname from pg_constraint
    where conrelid = 'copilot_internal.execution_contexts'::regclass and contype in ('u', 'x')
  $$,
  'no constraint counts the ended contexts of a path'
);
select is_empty(
  $$
    select indexrelid::regclass from pg_index
    where indrelid = 'copilot_internal.execution_contexts'::regclass and not (indisvalid and indisready)
  $$,
  'every index is in use'
);
select is_empty(
  $$
    select conname from pg_constraint
    where conrelid = 'copilot_internal.execution_contexts'::regclass and not convalidated
  $$,
  'every constraint holds for the rows that were there before it too'
);

select ok(relrowsecurity, 'row level security is on')
from pg_class where oid = 'copilot_internal.execution_contexts'::regclass;
select policies_are('copilot_internal', 'execution_contexts', array['users see their tenant''s contexts']);
select ok(
  'security_invoker=true' = any (reloptions),
  'the view reads with its caller''s rights, or the policy would not apply'
)
from pg_class where oid = 'public.execution_contexts'::regclass;

-- Those in public that are not ours are no concern of ours.
create temp view functions as
select p.oid, p.oid::regprocedure::text as name, n.nspname as schema, p.prosecdef, p.proconfig
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname = 'copilot_internal' or (n.nspname = 'public' and p.prosrc like '%copilot\_internal.%');

select is_empty(
  $$ select name from functions where obj_description(oid, 'pg_proc') is null $$,
  'every function has a comment'
);
select is_empty(
  $$ select name from functions where proconfig is distinct from array['search_path=""'] $$,
  'no function can be led astray by its caller''s search_path'
);
select is_empty(
  $$ select name from functions where prosecdef <> (schema = 'public') $$,
  'those that the API reaches, and no others, run with their owner''s rights'
);

select * from finish();
rollback;
