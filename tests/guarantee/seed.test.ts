/** The verification queries and the test recommendations of the system that this one grew from, as it stated them. */
import assert from "node:assert/strict";
import { invoke, newPath, user } from "../support/clients.ts";
import { alive, createdFor } from "../support/provider.ts";
import { contexts, reachDeadline } from "../support/rows.ts";
import { eventually, sweepNow } from "../support/settle.ts";
import { useStack } from "../support/stack.ts";

const local = useStack({ functions: 3 });
/** Where contexts do not sleep, as in that system. */
const wakeful = useStack({ env: { CONTEXT_KEEP_SECONDS: "0" } });

Deno.test("the partial index exists", async () => {
  const rows = await local.sql`select * from pg_indexes where indexname = 'idx_execution_contexts_unique_active_path'`;
  assert.equal(rows.length, 1);
  assert.match(
    rows[0].indexdef,
    /UNIQUE INDEX .*\(tenant_id, conversation_id, path_id\) WHERE \(terminated_at IS NULL\)/,
  );
});

Deno.test("the old constraint is gone", async () => {
  const rows = await local.sql`
    select conname from pg_constraint
    where conrelid = 'copilot_internal.execution_contexts'::regclass and contype = 'u'`;
  assert.deepEqual([...rows], []);
});

Deno.test("the clean-up function answers, and deletes what is old and nothing else", async () => {
  const client = await user(local.stack);
  const path = newPath();
  await invoke(client, "acquire-context", path);
  await invoke(client, "terminate-context", path);
  await invoke(client, "acquire-context", path);
  await local.sql`
    update copilot_internal.execution_contexts set terminated_at = now() - interval '8 days'
    where conversation_id = ${path.conversation_id} and terminated_at is not null`;

  const [{ deleted_count }] = await local.sql`select * from copilot_internal.cleanup_old_terminated_contexts(7, 10)`;
  assert.equal(deleted_count, 1);
  assert.deepEqual((await contexts(local.sql, path)).map((row) => row.sandbox_status), ["ready"]);
  const [again] = await local.sql`select * from copilot_internal.cleanup_old_terminated_contexts(7, 10)`;
  assert.equal(again.deleted_count, 0);
});

for (const used of [local, wakeful]) {
  const where = used === wakeful ? "where contexts do not sleep" : "past their sleep";
  Deno.test(`manual test 1: execute, expire, execute again on the same path, ${where}`, async () => {
    const client = await user(used.stack);
    const path = newPath();
    for (let life = 1; life <= 3; life++) {
      const { previous } = await invoke(client, "execute-code", { ...path, code: "x = 1" });
      assert.equal(previous?.termination_reason, life === 1 ? undefined : "expired");
      await reachDeadline(used.sql, path);
    }
    const again = await invoke(client, "execute-code", { ...path, code: "'x' in globals()" });
    assert.deepEqual([again.execution.results[0].text, again.previous?.termination_reason], ["False", "expired"]);
    const rows = await contexts(used.sql, path);
    assert.deepEqual(rows.map((row) => row.termination_reason), ["expired", "expired", "expired", null]);
  });
}

Deno.test("manual test 2: ten parallel requests on a new path all succeed with one context and one sandbox", async () => {
  const client = await user(local.stack);
  const path = newPath();
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => invoke(client, "execute-code", { ...path, code: "1" })),
  );
  assert(answers.every((answer) => answer.execution.status === "ok"));
  const rows = await contexts(local.sql, path);
  assert.equal(rows.length, 1);
  assert.equal(createdFor(local.stack, rows[0].id).length, 1);
});

Deno.test("sandboxes match active contexts", async () => {
  const client = await user(local.stack);
  await Promise.all(["a", "b", "c"].map((path_id) => invoke(client, "acquire-context", { ...newPath(), path_id })));
  const active = await local.sql`
    select id from copilot_internal.execution_contexts where terminated_at is null and sandbox_status = 'ready'`;
  for (const { id } of active) {
    assert.equal(createdFor(local.stack, id).filter((sandbox) => sandbox.ended === null).length, 1);
  }
  await eventually("no other sandbox is alive", async () => {
    await sweepNow(local.stack, local.sql);
    return alive(local.stack).length === active.length;
  });
});
