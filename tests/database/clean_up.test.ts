/** The nightly clean-up: batch by batch, until nothing is due or the time is over. */
import assert from "node:assert/strict";
import { useDatabase } from "../support/database.ts";

const database = useDatabase({ max: 2 });

/** Contexts that ended so many days ago, each with a sandbox that is known to be gone, or not. */
async function ended(count: number, daysAgo: number, killed: boolean): Promise<void> {
  await database.sql`
    insert into copilot_internal.execution_contexts
      (tenant_id, conversation_id, path_id, sandbox_id, sandbox_status, activated_at, ttl_seconds, expires_at,
       terminated_at, termination_reason, sandbox_killed_at)
    select 't', 'c', 'p', 's', 'terminated', at, 60, at, at, 'expired', case when ${killed} then at end
    from generate_series(1, ${count}), lateral (select now() - make_interval(days => ${daysAgo}) as at) ended`;
}
const cleanUp = async (batch: number, budget = "5 minutes") =>
  (await database.sql`select * from copilot_internal.cleanup_until_done(7, ${batch}, ${budget}::interval)`)[0]
    .deleted_count;
const left = async () =>
  (await database.sql`select count(*)::int as count from copilot_internal.execution_contexts`)[0].count;

Deno.test("it keeps up: 2,500 old rows go in one night, and what is new or owes a kill stays", async () => {
  await ended(2_500, 8, true);
  await ended(10, 8, false);
  await ended(10, 6, true);
  assert.equal(await cleanUp(1000), 2_500);
  assert.equal(await cleanUp(1000), 0);
  assert.equal(await left(), 20);
  await database.sql`truncate copilot_internal.execution_contexts`;
});

Deno.test("it stops when its time is over, and what it has done is done", async () => {
  await ended(30, 8, true);
  assert.equal(await cleanUp(10, "0 seconds"), 10);
  assert.equal(await left(), 20);
  await database.sql`truncate copilot_internal.execution_contexts`;
});

Deno.test("batches of nothing end at once", async () => {
  await ended(1, 8, true);
  assert.equal(await cleanUp(0), 0);
  await database.sql`truncate copilot_internal.execution_contexts`;
});

Deno.test("a row that somebody holds is passed over, and goes the next time", async () => {
  await ended(3, 8, true);
  const holder = await database.sql.reserve();
  await holder`begin`;
  await holder`select from copilot_internal.execution_contexts limit 1 for update`;
  assert.equal(await cleanUp(10), 2);
  await holder`commit`;
  holder.release();
  assert.equal(await cleanUp(10), 1);
});
