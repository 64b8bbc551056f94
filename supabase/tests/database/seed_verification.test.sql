-- The verification queries of the system that this one grew from, and what its four bugs were, word for word where they can be.

begin;
\ir setup.psql
select plan(13);

-- Counts are exact, so rows that a developer's database holds must be out of the way until the rollback.
delete from copilot_internal.execution_contexts;

-- "Verify partial index exists"
select results_eq(
  $$ SELECT schemaname::text collate "default", tablename::text collate "default" FROM pg_indexes WHERE indexname = 'idx_execution_contexts_unique_active_path' $$,
  $$ values ('copilot_internal', 'execution_contexts') $$,
  'the partial index exists'
);
select matches(indexdef, 'UNIQUE INDEX .*\(tenant_id, conversation_id, path_id\) WHERE \(terminated_at IS NULL\)', 'and is unique and partial')
from pg_indexes where indexname = 'idx_execution_contexts_unique_active_path';

-- "Verify old constraint is gone"
select is_empty(
  $$
    SELECT conname FROM pg_constraint
    WHERE conrelid = 'copilot_internal.execution_contexts'::regclass
      AND contype = 'u'
  $$,
  'the old constraint is gone'
);

-- "Check migration applied successfully"
select lives_ok('SELECT * FROM copilot_internal.execution_contexts LIMIT 1', 'the migration is applied');

-- "Test cleanup function", "Verify cleanup function works"
select results_eq(
  'SELECT * FROM copilot_internal.cleanup_old_terminated_contexts(7, 10)', 'values (0)', 'the clean-up function answers'
);
select results_eq(
  'SELECT * FROM copilot_internal.cleanup_old_terminated_contexts(30, 5)', 'values (0)', 'with any age and limit'
);
select results_eq(
  'SELECT deleted_count FROM copilot_internal.cleanup_old_terminated_contexts()', 'values (0)', 'and with its defaults'
);

-- Bug 1, as its table of users has it: execute, wait 31 minutes, execute again on the same path.
select is(
  (select outcome from public.copilot_claim_context(gen_random_uuid(), 'seed', 'c', 'X', 60, 1800)), 'claimed',
  'a path runs code'
);
select public.copilot_activate_context(id, 'sandbox') from copilot_internal.execution_contexts \g /dev/null
update copilot_internal.execution_contexts
set created_at = created_at - interval '31 minutes', activated_at = activated_at - interval '31 minutes',
    last_used_at = last_used_at - interval '31 minutes', expires_at = expires_at - interval '31 minutes';
select results_eq(
  $$
    select outcome, previous_termination_reason
    from public.copilot_claim_context(gen_random_uuid(), 'seed', 'c', 'X', 60, 1800)
  $$,
  $$ values ('claimed', 'expired') $$,
  'and runs code again after it expired'
);

-- Bugs 2 and 3: ten requests for a new path. One of them makes a sandbox; none of them fails.
select results_eq(
  $$
    select outcome, count(*)::integer
    from (
      select (public.copilot_claim_context(gen_random_uuid(), 'seed', 'c', 'Y', 60, 1800)).outcome
      from generate_series(1, 10)
    ) callers
    group by outcome order by outcome
  $$,
  $$ values ('claimed', 1), ('pending', 9) $$,
  'of ten callers one is to create a sandbox'
);

-- Bug 4: what has ended is not kept for ever.
update copilot_internal.execution_contexts
set terminated_at = terminated_at - interval '8 days', sandbox_killed_at = clock_timestamp()
where terminated_at is not null;
select results_eq(
  'SELECT * FROM copilot_internal.cleanup_old_terminated_contexts(7, 100)', 'values (1)', 'what is old is deleted'
);
select results_eq(
  'select path_id, sandbox_status from copilot_internal.execution_contexts order by path_id',
  $$ values ('X', 'creating'), ('Y', 'creating') $$,
  'and nothing else'
);
select is(
  (select previous_termination_reason from copilot_internal.execution_contexts where path_id = 'X'), 'expired',
  'what the caller must be told of it is kept'
);

select * from finish();
rollback;
