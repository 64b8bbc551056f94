/** Ending contexts: the sandbox is killed, the kill confirmed, and the path is free at once. */
import assert from "node:assert/strict";
import { invoke, newPath, service, user } from "../support/clients.ts";
import { at, quick, useFaultyStack } from "../support/faulty_stack.ts";
import { createdFor } from "../support/provider.ts";
import { contexts } from "../support/rows.ts";

const faulty = useFaultyStack();

Deno.test("terminate ends the context, kills its sandbox and confirms the kill", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const { context } = await invoke(client, "acquire-context", path);
  assert.deepEqual(await invoke(client, "terminate-context", path), { terminated: 1 });

  assert.equal(createdFor(faulty.provider, context.id)[0].ended?.by, "kill");
  const [row] = await contexts(faulty.sql, path);
  assert.equal(row.termination_reason, "terminated");
  assert(row.sandbox_killed_at);
});

Deno.test("ending what has ended, or never was, is no error", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  assert.deepEqual(await invoke(client, "terminate-context", path), { terminated: 0 });
  await invoke(client, "acquire-context", path);
  assert.deepEqual(await invoke(client, "terminate-context", path), { terminated: 1 });
  assert.deepEqual(await invoke(client, "terminate-context", path), { terminated: 0 });
});

Deno.test("the next acquire makes a new context and says why the old one ended", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const first = await invoke(client, "execute-code", { ...path, ...quick, code: "var x = 1" });
  await invoke(client, "terminate-context", path);
  const next = await invoke(client, "execute-code", { ...path, ...quick, code: "x" });
  assert.notEqual(next.context.id, first.context.id);
  assert.equal(next.was_created, true);
  assert.equal(next.previous?.termination_reason, "terminated");
  assert.equal(next.execution.error?.name, "ReferenceError");
});

Deno.test("a conversation, one path of it, or one context", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const [a, b, c] = await Promise.all(
    ["a", "b", "c"].map((path_id) => invoke(client, "acquire-context", { ...path, path_id })),
  );
  const active = async () =>
    (await contexts(faulty.sql, { conversation_id: path.conversation_id })).filter((row) => row.terminated_at === null)
      .map((row) => row.id).sort();

  assert.deepEqual(await invoke(client, "terminate-context", { ...path, path_id: "a" }), { terminated: 1 });
  assert.deepEqual(await active(), [b.context.id, c.context.id].sort());
  assert.deepEqual(await invoke(client, "terminate-context", { context_id: b.context.id }), { terminated: 1 });
  assert.deepEqual(await active(), [c.context.id]);
  const rest = { conversation_id: path.conversation_id };
  assert.deepEqual(await invoke(client, "terminate-context", rest), { terminated: 1 });
  assert.deepEqual(await active(), []);
  assert.equal(createdFor(faulty.provider, a.context.id)[0].ended?.by, "kill");
});

Deno.test("another tenant's contexts stay", async () => {
  const [owner, stranger] = [await user(faulty.stack), await user(faulty.stack)];
  const path = newPath();
  const { context } = await invoke(owner, "acquire-context", path);
  assert.deepEqual(await invoke(stranger, "terminate-context", path), { terminated: 0 });
  assert.deepEqual(await invoke(stranger, "terminate-context", { context_id: context.id }), { terminated: 0 });
  assert.deepEqual(
    await invoke(service(faulty.stack), "terminate-context", { tenant_id: "somebody-else", context_id: context.id }),
    { terminated: 0 },
  );
  assert.equal(createdFor(faulty.provider, context.id)[0].ended, null);
});

Deno.test("a kill that fails is owed, not forgotten: the row says so, and the path is free", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const { context } = await invoke(client, "acquire-context", path);
  faulty.proxy.intercept(at.kill, { kind: "answer", status: 503 });
  assert.deepEqual(await invoke(client, "terminate-context", path), { terminated: 1 });

  const [row] = await contexts(faulty.sql, path);
  assert.equal(row.termination_reason, "terminated");
  assert.equal(row.sandbox_killed_at, null);
  assert(row.sandbox_id);
  const next = await invoke(client, "acquire-context", path);
  assert.notEqual(next.context.id, context.id);
});
