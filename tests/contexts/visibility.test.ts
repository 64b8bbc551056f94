/** What a signed-in user sees of the database: the contexts of conversations that are open to them, and nothing else. */
import { createClient } from "@supabase/supabase-js";
import assert from "node:assert/strict";
import { invoke, newPath, service, user } from "../support/clients.ts";
import { useStack } from "../support/stack.ts";

const local = useStack();

Deno.test("a user lists the contexts of their conversations, without the sandbox's id", async () => {
  const tenant = `tenant-${crypto.randomUUID()}`;
  const [one, colleague, stranger] = [
    await user(local.stack, tenant),
    await user(local.stack, tenant),
    await user(local.stack),
  ];
  const path = newPath();
  const { context } = await invoke(one, "acquire-context", path);
  await invoke(stranger, "acquire-context", path);

  const listed = await one.from("execution_contexts").select();
  assert.equal(listed.error, null);
  assert.deepEqual(listed.data?.map((row) => row.id), [context.id]);
  assert.deepEqual(Object.keys(listed.data[0]).sort(), [
    "conversation_id",
    "created_at",
    "expires_at",
    "forked_from_path_id",
    "id",
    "kept_until",
    "last_used_at",
    "path_id",
    "sandbox_status",
    "state",
    "terminated_at",
    "termination_reason",
    "ttl_seconds",
  ]);
  assert.deepEqual(await colleague.from("execution_contexts").select("id").then(({ data }) => data), []);
  const { data } = await stranger.from("execution_contexts").select("conversation_id, sandbox_status");
  assert.deepEqual(data, [{ conversation_id: path.conversation_id, sandbox_status: "ready" }]);
});

Deno.test("a user without a tenant of their own metadata sees their own contexts only", async () => {
  const tenant = `tenant-${crypto.randomUUID()}`;
  await invoke(await user(local.stack, tenant), "acquire-context", newPath());
  const impostor = createClient(local.stack.apiUrl, local.stack.publishableKey, {
    auth: { persistSession: false, autoRefreshToken: false },
  });
  await impostor.auth.signInAnonymously({ options: { data: { tenant_id: tenant } } });
  const { data, error } = await impostor.from("execution_contexts").select();
  assert.deepEqual([data, error], [[], null]);
});

Deno.test("nobody writes, and nobody who is not signed in reads", async () => {
  const client = await user(local.stack);
  const { context } = await invoke(client, "acquire-context", newPath());
  const denied = [
    await client.from("execution_contexts").insert({ path_id: "x" }),
    await client.from("execution_contexts").update({ path_id: "x" }).eq("id", context.id),
    await client.from("execution_contexts").delete().eq("id", context.id),
    await client.from("execution_contexts").select("sandbox_id"),
    await createClient(local.stack.apiUrl, local.stack.publishableKey).from("execution_contexts").select(),
  ];
  assert.deepEqual(denied.map(({ error }) => error?.code), ["55000", "55000", "55000", "42703", "42501"]);
});

Deno.test("a service reads all tenants' contexts by the same view", async () => {
  const { context } = await invoke(await user(local.stack), "acquire-context", newPath());
  const { data } = await service(local.stack).from("execution_contexts").select("id").eq("id", context.id);
  assert.deepEqual(data, [{ id: context.id }]);
});

Deno.test("no estimate tells how many contexts others have", async () => {
  const estimate = async (client: Awaited<ReturnType<typeof user>>) => {
    const { count, error } = await client.from("execution_contexts").select("*", { count: "planned", head: true });
    assert.equal(error, null);
    return count;
  };
  const client = await user(local.stack);
  const before = await estimate(client);
  await local.sql`
    insert into copilot_internal.execution_contexts
      (tenant_id, conversation_id, path_id, sandbox_status, ttl_seconds, expires_at, terminated_at, termination_reason)
    select 'crowd', 'c', n, 'terminated', 60, now(), now(), 'expired' from generate_series(1, 20000) n`;
  await local.sql`analyze copilot_internal.execution_contexts`;
  assert.equal(await estimate(client), before);
});
