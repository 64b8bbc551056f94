/** Quotas: counted in the claim's own transaction, so that a hundred callers at once get exactly as many as there are. */
import assert from "node:assert/strict";
import type { ErrorBody } from "../../supabase/functions/_shared/contract/error.ts";
import { invoke, newPath, refused, user } from "../support/clients.ts";
import { created } from "../support/provider.ts";
import { contexts, growOld, reachDeadline } from "../support/rows.ts";
import { useStack } from "../support/stack.ts";

const local = useStack({ functions: 4 });

Deno.test("100 simultaneous claims on 100 paths of one tenant: 10 contexts, and 90 times 429", async () => {
  const client = await user(local.stack);
  const before = created(local.stack).length;
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => client.functions.invoke("acquire-context", { body: newPath() })),
  );
  assert.equal(answers.filter(({ error }) => error === null).length, 10);
  assert.equal(created(local.stack).length - before, 10);
  const refusals = answers.flatMap(({ error, response }) => error === null || !response ? [] : [response]);
  assert.equal(refusals.length, 90);
  for (const response of refusals) {
    const body: ErrorBody = await response.json();
    assert.equal(response.status, 429);
    assert.equal(body.code, "quota_exceeded");
    assert.equal(body.retryable, false);
    assert.deepEqual([body.scope, body.limit, body.current], ["tenant", 10, 10]);
    // Places are held for longer than a loop is ever told to wait.
    assert(body.retry_after_seconds !== undefined && body.retry_after_seconds > 60);
    assert.equal(response.headers.get("Retry-After"), String(body.retry_after_seconds));
  }
});

Deno.test("a tenant at its quota can go on with what it has", async () => {
  const client = await user(local.stack);
  const paths = Array.from({ length: 10 }, newPath);
  const [first] = await Promise.all(paths.map((path) => invoke(client, "acquire-context", path)));
  assert.equal((await refused(client, "acquire-context", newPath())).body.code, "quota_exceeded");
  assert.equal((await invoke(client, "acquire-context", paths[0])).context.id, first.context.id);
});

Deno.test("one tenant's quota is not another's", async () => {
  const [full, other] = [await user(local.stack), await user(local.stack)];
  await Promise.all(Array.from({ length: 10 }, () => invoke(full, "acquire-context", newPath())));
  assert.equal((await invoke(other, "acquire-context", newPath())).was_created, true);
});

Deno.test("no other tenant waits while one tenant's claims count", async () => {
  const [busy, other] = [await user(local.stack), await user(local.stack)];
  const { data: { session } } = await busy.auth.getSession();
  assert(session);
  // Holds what a claim of the busy tenant holds while it counts.
  const holder = await local.sql.reserve();
  await holder`begin`;
  await holder`select pg_advisory_xact_lock(
    hashtextextended('copilot_internal.execution_contexts ' || ${session.user.id}, 0))`;
  let waited = true;
  const waiting = invoke(busy, "acquire-context", newPath()).then((answer) => {
    waited = false;
    return answer;
  });
  assert.equal((await invoke(other, "acquire-context", newPath())).was_created, true);
  assert.equal(waited, true);
  await holder`commit`;
  holder.release();
  assert.equal((await waiting).was_created, true);
});

Deno.test("a conversation has a quota of its own, and a place that is free is free at once", async () => {
  const client = await user(local.stack);
  const { conversation_id } = newPath();
  const on = (path_id: string) => ({ conversation_id, path_id });
  await Promise.all(["a", "b", "c", "d", "e"].map((path_id) => invoke(client, "acquire-context", on(path_id))));
  const answer = await refused(client, "acquire-context", on("f"));
  assert.equal(answer.body.code, "quota_exceeded");
  assert.match(answer.body.message, /conversation.*5 sandboxes of 5/);

  await invoke(client, "terminate-context", on("a"));
  assert.equal((await invoke(client, "acquire-context", on("f"))).was_created, true);
  // What is past its deadline, and E2B's, holds no place either, although nobody has retired it yet.
  await refused(client, "acquire-context", on("g"));
  await growOld(local.sql, { conversation_id, path_id: "b" });
  assert.equal((await invoke(client, "acquire-context", on("g"))).was_created, true);
});

Deno.test("an expired path is claimed again at the quota: it is its own place", async () => {
  const client = await user(local.stack);
  const paths = Array.from({ length: 10 }, newPath);
  await Promise.all(paths.map((path) => invoke(client, "acquire-context", path)));
  // E2B lets its sandbox live a little longer: it is killed first.
  for (const [index, expire] of [growOld, reachDeadline].entries()) {
    await expire(local.sql, paths[index]);
    const next = await invoke(client, "acquire-context", paths[index]);
    assert.equal(next.previous?.termination_reason, "expired");
    assert.equal((await contexts(local.sql, paths[index])).length, 2);
  }
});
