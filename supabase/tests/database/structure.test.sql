-- The shape that everything else relies on: the tables, their indexes and constraints, and what the functions have in common.

begin;
\ir setup.psql
select plan(30);

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
      ('fork_until', 'timestamp with time zone', false),
      ('forked_from_context_id', 'uuid', false),
      ('forked_from_path_id', 'text', false),
      ('held_by', 'uuid', false),
      ('held_until', 'timestamp with time zone', false),
      ('id', 'uuid', true),
      ('keep_seconds', 'integer', true),
      ('kernel_counts', 'jsonb', false),
      ('kill_attempted_at', 'timestamp with time zone', false),
      ('last_used_at', 'timestamp with time zone', true),
      ('lineage_id', 'uuid', false),
      ('may_live_until', 'timestamp with time zone', false),
      ('path_id', 'text', true),
      ('previous_state_id', 'uuid', false),
      ('previous_terminated_at', 'timestamp with time zone', false),
      ('previous_termination_reason', 'text', false),
      ('probation_seconds', 'integer', true),
      ('sandbox_access', 'text', false),
      ('sandbox_deadline_at', 'timestamp with time zone', false),
      ('sandbox_id', 'text', false),
      ('sandbox_killed_at', 'timestamp with time zone', false),
      ('sandbox_status', 'text', true),
      ('state_id', 'uuid', true),
      ('template', 'text', false),
      ('tenant_id', 'text', true),
      ('terminated_at', 'timestamp with time zone', false),
      ('termination_reason', 'text', false),
      ('ttl_seconds', 'integer', true),
      ('woken_at', 'timestamp with time zone', false)
  $$,
  'it has these columns'
);
select col_is_pk('copilot_internal', 'execution_contexts', 'id', 'id is its key');
select is_empty(
  $$
    select column_name from information_schema.columns
    where table_schema = 'copilot_internal' and table_name = 'execution_contexts' and column_default is not null
      and column_name not in ('id', 'created_at', 'last_used_at', 'probation_seconds', 'keep_seconds', 'state_id')
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
select is(
  pg_get_indexdef('copilot_internal.idx_execution_contexts_unique_sandbox'::regclass),
  'CREATE UNIQUE INDEX idx_execution_contexts_unique_sandbox ON copilot_internal.execution_contexts '
    'USING btree (sandbox_id) WHERE ((terminated_at IS NULL) AND (sandbox_id IS NOT NULL))',
  'no two active contexts have the same sandbox'
);
select is_empty(
  $$
    select i.indexrelid::regclass
    from pg_index i
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
    where i.indrelid = 'copilot_internal.execution_contexts'::regclass
      and a.attname in ('last_used_at', 'expires_at', 'ttl_seconds', 'fork_until', 'sandbox_deadline_at', 'woken_at')
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
select policies_are('copilot_internal', 'execution_contexts', '{}'::text[]);
select ok('security_invoker=true' = any (reloptions), relname || ' has no rights of its own')
from pg_class where oid in ('public.execution_contexts'::regclass, 'public.execution_contexts_overview'::regclass);

-- The ledger, the keys and the settings.
select tables_are(
  'copilot_internal', array[
    'conversations', 'execution_contexts', 'executions', 'idempotency_keys', 'open_executions', 'rates', 'sandbox_lives', 'settings', 'source_holds', 'sweep_place',
    'tenants'
  ]
);
select is_empty(
  $$
    select oid::regclass from pg_class
    where relnamespace = 'copilot_internal'::regnamespace and relkind = 'r'
      and (not relrowsecurity or obj_description(oid, 'pg_class') is null and relname <> 'execution_contexts')
  $$,
  'every table has row level security, and the new ones say what they are for'
);
select is_empty(
  $$
    select polrelid::regclass, polname from pg_policy
    where polrelid in (
      select oid from pg_class where relnamespace = 'copilot_internal'::regnamespace and relname <> 'execution_contexts'
    )
  $$,
  'no policy lets anybody see the ledger, the keys or the settings'
);
select results_eq(
  $$
    select c.relname::text collate "default", a.attname::text collate "default", format_type(atttypid, atttypmod), attnotnull
    from pg_attribute a join pg_class c on c.oid = a.attrelid
    where c.relnamespace = 'copilot_internal'::regnamespace and c.relkind = 'r' and c.relname <> 'execution_contexts'
      and a.attnum > 0 and not a.attisdropped
    order by c.relname::text collate "C", a.attname::text collate "C"
  $$,
  $$
    values
      ('conversations', 'conversation_id', 'text', true),
      ('conversations', 'last_used_at', 'timestamp with time zone', true),
      ('conversations', 'tenant_id', 'text', true),
      ('conversations', 'user_id', 'text', false),
      ('executions', 'context_id', 'uuid', true),
      ('executions', 'conversation_id', 'text', true),
      ('executions', 'deadline_at', 'timestamp with time zone', true),
      ('executions', 'duration_ms', 'integer', false),
      ('executions', 'error_name', 'text', false),
      ('executions', 'execution_count', 'integer', false),
      ('executions', 'finished_at', 'timestamp with time zone', false),
      ('executions', 'id', 'uuid', true),
      ('executions', 'language', 'text', true),
      ('executions', 'output_bytes', 'bigint', false),
      ('executions', 'path_id', 'text', true),
      ('executions', 'started_at', 'timestamp with time zone', true),
      ('executions', 'status', 'text', true),
      ('executions', 'tenant_id', 'text', true),
      ('idempotency_keys', 'alive_until', 'timestamp with time zone', true),
      ('idempotency_keys', 'answer', 'json', false),
      ('idempotency_keys', 'answer_bytes', 'integer', false),
      ('idempotency_keys', 'answered_at', 'timestamp with time zone', false),
      ('idempotency_keys', 'conversation_id', 'text', true),
      ('idempotency_keys', 'created_at', 'timestamp with time zone', true),
      ('idempotency_keys', 'execution_id', 'uuid', true),
      ('idempotency_keys', 'expires_at', 'timestamp with time zone', true),
      ('idempotency_keys', 'idempotency_key', 'text', true),
      ('idempotency_keys', 'path_id', 'text', true),
      ('idempotency_keys', 'request_hash', 'text', true),
      ('idempotency_keys', 'sent_at', 'timestamp with time zone', false),
      ('idempotency_keys', 'stopped_at', 'timestamp with time zone', false),
      ('idempotency_keys', 'tenant_id', 'text', true),
      ('idempotency_keys', 'thrown_out_at', 'timestamp with time zone', false),
      ('open_executions', 'alive_until', 'timestamp with time zone', true),
      ('open_executions', 'asked_at', 'double precision', true),
      ('open_executions', 'conversation_id', 'text', true),
      ('open_executions', 'deadline_at', 'timestamp with time zone', true),
      ('open_executions', 'id', 'uuid', true),
      ('open_executions', 'is_waiting', 'boolean', true),
      ('open_executions', 'language', 'text', true),
      ('open_executions', 'name', 'text', false),
      ('open_executions', 'path_id', 'text', true),
      ('open_executions', 'stop_requested_at', 'timestamp with time zone', false),
      ('open_executions', 'tenant_id', 'text', true),
      ('rates', 'kind', 'text', true),
      ('rates', 'spent_until', 'timestamp with time zone', true),
      ('rates', 'tenant_id', 'text', true),
      ('sandbox_lives', 'context_id', 'uuid', true),
      ('sandbox_lives', 'conversation_id', 'text', true),
      ('sandbox_lives', 'ended_at', 'timestamp with time zone', true),
      ('sandbox_lives', 'path_id', 'text', true),
      ('sandbox_lives', 'started_at', 'timestamp with time zone', true),
      ('sandbox_lives', 'tenant_id', 'text', true),
      ('settings', 'answer_hours', 'integer', true),
      ('settings', 'conversation_access', 'text', true),
      ('settings', 'extensions_made', 'text[]', true),
      ('settings', 'id', 'boolean', true),
      ('settings', 'is_closed', 'boolean', true),
      ('settings', 'ledger_days', 'integer', true),
      ('settings', 'tenant_answer_mebibytes', 'integer', true),
      ('settings', 'tenant_answers', 'integer', true),
      ('source_holds', 'claim_id', 'uuid', true),
      ('source_holds', 'held_until', 'timestamp with time zone', true),
      ('source_holds', 'source_id', 'uuid', true),
      ('sweep_place', 'id', 'boolean', true),
      ('sweep_place', 'page_token', 'text', false),
      ('sweep_place', 'swept_at', 'timestamp with time zone', false),
      ('sweep_place', 'walk_began_at', 'timestamp with time zone', false),
      ('sweep_place', 'walked_at', 'timestamp with time zone', false),
      ('tenants', 'allow_internet', 'boolean', false),
      ('tenants', 'allowed_hosts', 'text[]', false),
      ('tenants', 'answer_mebibytes', 'integer', false),
      ('tenants', 'answers', 'integer', false),
      ('tenants', 'conversation_quota', 'integer', false),
      ('tenants', 'creates_per_minute', 'integer', false),
      ('tenants', 'executions_per_minute', 'integer', false),
      ('tenants', 'is_disabled', 'boolean', true),
      ('tenants', 'sandbox_quota', 'integer', false),
      ('tenants', 'sleeping_quota', 'integer', false),
      ('tenants', 'template', 'text', false),
      ('tenants', 'tenant_id', 'text', true)
  $$,
  'they have these columns: in the ledger, nothing of the code or of what it said'
);
select set_eq(
  $$
    select pg_get_indexdef(indexrelid)
    from pg_index
    where indrelid in ('copilot_internal.executions'::regclass, 'copilot_internal.sandbox_lives'::regclass, 'copilot_internal.idempotency_keys'::regclass, 'copilot_internal.open_executions'::regclass, 'copilot_internal.conversations'::regclass)
      and indisvalid
  $$,
  array[
    'CREATE UNIQUE INDEX executions_pkey ON copilot_internal.executions USING btree (id)',
    'CREATE INDEX idx_executions_tenant ON copilot_internal.executions USING btree (tenant_id, started_at)',
    'CREATE INDEX idx_executions_context ON copilot_internal.executions USING btree (context_id, started_at)',
    'CREATE INDEX idx_executions_count ON copilot_internal.executions USING btree (context_id, language, execution_count) WHERE (execution_count IS NOT NULL)',
    'CREATE INDEX idx_executions_running ON copilot_internal.executions USING btree (deadline_at) WHERE (status = ''running''::text)',
    'CREATE INDEX idx_executions_lost ON copilot_internal.executions USING btree (finished_at) WHERE (status = ''lost''::text)',
    'CREATE INDEX idx_executions_age ON copilot_internal.executions USING btree (started_at)',
    'CREATE UNIQUE INDEX sandbox_lives_pkey ON copilot_internal.sandbox_lives USING btree (context_id, started_at)',
    'CREATE INDEX idx_sandbox_lives_tenant ON copilot_internal.sandbox_lives USING btree (tenant_id, ended_at)',
    'CREATE INDEX idx_sandbox_lives_age ON copilot_internal.sandbox_lives USING btree (ended_at)',
    'CREATE UNIQUE INDEX idempotency_keys_pkey ON copilot_internal.idempotency_keys USING btree (tenant_id, conversation_id, idempotency_key)',
    'CREATE UNIQUE INDEX idempotency_keys_execution_unique ON copilot_internal.idempotency_keys USING btree (execution_id)',
    'CREATE INDEX idx_idempotency_keys_expiry ON copilot_internal.idempotency_keys USING btree (expires_at)',
    'CREATE INDEX idx_idempotency_keys_answers ON copilot_internal.idempotency_keys USING btree (tenant_id, answered_at) INCLUDE (answer_bytes) WHERE ((answered_at IS NOT NULL) AND (thrown_out_at IS NULL))',
    'CREATE INDEX idx_idempotency_keys_unanswered ON copilot_internal.idempotency_keys USING btree (tenant_id, conversation_id, path_id) WHERE (answer IS NULL)',
    'CREATE UNIQUE INDEX conversations_pkey ON copilot_internal.conversations USING btree (tenant_id, conversation_id)',
    'CREATE INDEX idx_conversations_user ON copilot_internal.conversations USING btree (tenant_id, user_id)',
    'CREATE INDEX idx_conversations_age ON copilot_internal.conversations USING btree (last_used_at)',
    'CREATE UNIQUE INDEX open_executions_pkey ON copilot_internal.open_executions USING btree (id)',
    'CREATE INDEX idx_open_executions_path ON copilot_internal.open_executions USING btree (tenant_id, conversation_id, path_id)'
  ],
  'and these indexes'
);
select is_empty(
  $$
    select conrelid::regclass, conname from pg_constraint
    where connamespace = 'copilot_internal'::regnamespace and contype = 'f'
  $$,
  'no foreign key holds up the clean-up of contexts, or takes the ledger along'
);
select is(
  (select count(*)::integer from copilot_internal.settings where id), 1, 'the settings are one row'
);
select results_eq(
  $$
    select column_name::text collate "default", column_default::text collate "default" from information_schema.columns
    where table_schema = 'copilot_internal' and table_name = 'settings' order by column_name::text collate "C"
  $$,
  $$
    values
      ('answer_hours', '24'), ('conversation_access', '''owner''::text'), ('extensions_made', '''{}''::text[]'), ('id', 'true'), ('is_closed', 'false'), ('ledger_days', '400'), ('tenant_answer_mebibytes', '64'),
      ('tenant_answers', '10000')
  $$,
  'which start open, with answers kept for a day, and the ledger for more than a year'
);
select set_eq(
  $$
    select regexp_replace(pg_get_triggerdef(oid), '\s+', ' ', 'g')
    from pg_trigger where tgrelid = 'copilot_internal.execution_contexts'::regclass and not tgisinternal
  $$,
  array[
    'CREATE TRIGGER note_end_of_life BEFORE UPDATE OF terminated_at ON copilot_internal.execution_contexts '
    'FOR EACH ROW WHEN (((old.terminated_at IS NULL) AND (new.terminated_at IS NOT NULL) AND (new.may_live_until IS NULL))) '
    'EXECUTE FUNCTION copilot_internal.note_end_of_life()',
    'CREATE TRIGGER note_last_life AFTER UPDATE OF terminated_at, sandbox_killed_at ON copilot_internal.execution_contexts '
    'FOR EACH ROW WHEN (((new.terminated_at IS NOT NULL) AND (new.activated_at IS NOT NULL))) '
    'EXECUTE FUNCTION copilot_internal.note_last_life()'
  ],
  'the only triggers look at what ends, never at a touch'
);

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
  $$ select name from functions where proconfig is null or 'search_path=""' <> all (proconfig) $$,
  'no function can be led astray by its caller''s search_path'
);
select is_empty(
  $$ select name from functions where prosecdef <> (schema = 'public' or name in ('copilot_internal.visible_contexts()', 'copilot_internal.overview()')) $$,
  'those that the API reaches, also by way of the view, and no others, run with their owner''s rights'
);

select * from finish();
rollback;
