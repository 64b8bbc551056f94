/** The rollback of the partial index: it works where it loses nothing, refuses where it would, and can be undone. */
import assert from "node:assert/strict";
import { useDatabase } from "../support/database.ts";

const FIX = "migrations/20260104000000_fix_execution_context_unique_constraint.sql";
const ROLLBACK = "rollback/20260104000000_fix_execution_context_unique_constraint.sql";

const database = useDatabase({ max: 1 });

async function apply(file: string): Promise<void> {
  const text = await Deno.readTextFile(new URL(`../../supabase/${file}`, import.meta.url));
  await database.sql.begin((transaction) => transaction.unsafe(text).simple());
}
const indexes = async () =>
  (await database.sql`
    select indexname from pg_indexes
    where indexname in ('execution_contexts_path_unique', 'idx_execution_contexts_unique_active_path')`)
    .map((row) => row.indexname);
const claim = async (path: string) =>
  (await database
    .sql`select outcome from public.copilot_claim_context(gen_random_uuid(), 't', 'c', ${path}, 60, 1800)`)[0]
    .outcome;

Deno.test("rollback and fix, to and fro", async () => {
  await claim("one life");
  await apply(ROLLBACK);
  assert.deepEqual(await indexes(), ["execution_contexts_path_unique"]);
  await apply(FIX);
  assert.deepEqual(await indexes(), ["idx_execution_contexts_unique_active_path"]);
});

Deno.test("the rollback refuses when it would lose a path's history, and changes nothing", async () => {
  await claim("two lives");
  await database.sql`select public.copilot_terminate_contexts('t', 'c', 'two lives')`;
  await claim("two lives");
  await assert.rejects(apply(ROLLBACK), /1 paths have had more than one context/);
  assert.deepEqual(await indexes(), ["idx_execution_contexts_unique_active_path"]);
});

Deno.test("the fix refuses a database with two active contexts on a path, and changes nothing", async () => {
  await database.sql.begin(async (transaction) => {
    await transaction`drop index copilot_internal.idx_execution_contexts_unique_active_path`;
    for (const sandbox of ["s1", "s2"]) {
      await transaction`
        insert into copilot_internal.execution_contexts
          (tenant_id, conversation_id, path_id, sandbox_id, sandbox_status, activated_at, ttl_seconds, expires_at)
        values ('t', 'c', 'twice', ${sandbox}, 'ready', now(), 60, now() + interval '1 hour')`;
    }
  });
  await assert.rejects(apply(FIX), /1 paths have more than one active context; nothing has been changed/);
  assert.deepEqual(await indexes(), []);
});
