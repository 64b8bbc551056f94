/** The verification queries and the test recommendations of the system that this one grew from, as it stated them. */
import assert from "node:assert/strict";
import { type Stack, startStack } from "../local/stack.ts";
import { invoke, newPath, user } from "./support/clients.ts";
import { alive, createdFor } from "./support/provider.ts";
import { connect, contexts, reachDeadline } from "./support/rows.ts";
import { eventually, sweepNow } from "./support/settle.ts";

let stack: Stack;
let sql: ReturnType<typeof connect>;
Deno.test.beforeAll(async () => {
  stack = await startStack({ functions: 3 });
  sql = connect(stack);
});
Deno.test.afterAll(async () => {
  await sql.end();
  await stack.stop();
});

Deno.test("the partial index exists", async () => {
  const rows = await sql`select * from pg_indexes where indexname = 'idx_execution_contexts_unique_active_path'`;
  assert.equal(rows.length, 1);
  assert.match(
    rows[0].indexdef,
    /UNIQUE INDEX .*\(tenant_id, conversation_id, path_id\) WHERE \(terminated_at IS NULL\)/,
  );
});

Deno.test("the old constraint is gone", async () => {
  const rows = await sql`
    select conname from pg_constraint
    where conrelid = 'copilot_internal.execution_contexts'::regclass and contype = 'u'`;
  assert.deepEqual([...rows], []);
});

Deno.test("the clean-up function answers, and deletes what is old and nothing else", async () => {
  const client = await user(stack);
  const path = newPath();
  await invoke(client, "acquire-context", path);
  await invoke(client, "terminate-context", path);
  await invoke(client, "acquire-context", path);
  await sql`
    update copilot_internal.execution_contexts set terminated_at = now() - interval '8 days'
    where conversation_id = ${path.conversation_id} and terminated_at is not null`;

  const [{ deleted_count }] = await sql`select * from copilot_internal.cleanup_old_terminated_contexts(7, 10)`;
  assert.equal(deleted_count, 1);
  assert.deepEqual((await contexts(sql, path)).map((row) => row.sandbox_status), ["ready"]);
  const [again] = await sql`select * from copilot_internal.cleanup_old_terminated_contexts(7, 10)`;
  assert.equal(again.deleted_count, 0);
});

Deno.test("manual test 1: execute, expire, execute again on the same path", async () => {
  const client = await user(stack);
  const path = newPath();
  await invoke(client, "execute-code", { ...path, code: "x = 1" });
  await reachDeadline(sql, path);
  const again = await invoke(client, "execute-code", { ...path, code: "2" });
  assert.equal(again.execution.results[0].text, "2");
  assert.equal(again.previous?.termination_reason, "expired");
});

Deno.test("manual test 2: ten parallel requests on a new path all succeed with one context and one sandbox", async () => {
  const client = await user(stack);
  const path = newPath();
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => invoke(client, "execute-code", { ...path, code: "1" })),
  );
  assert(answers.every((answer) => answer.execution.status === "ok"));
  const rows = await contexts(sql, path);
  assert.equal(rows.length, 1);
  assert.equal(createdFor(stack, rows[0].id).length, 1);
});

Deno.test("sandboxes match active contexts", async () => {
  const client = await user(stack);
  await Promise.all(["a", "b", "c"].map((path_id) => invoke(client, "acquire-context", { ...newPath(), path_id })));
  const active = await sql`
    select id from copilot_internal.execution_contexts where terminated_at is null and sandbox_status = 'ready'`;
  for (const { id } of active) {
    assert.equal(createdFor(stack, id).filter((sandbox) => sandbox.ended === null).length, 1);
  }
  await eventually("no other sandbox is alive", 10, async () => {
    await sweepNow(stack, sql);
    return alive(stack).length === active.length;
  });
});
