/** Who may do what: users act for their own tenant, services name one, and nobody reaches past the functions. */
import { createClient } from "@supabase/supabase-js";
import assert from "node:assert/strict";
import { invoke, newPath, refused, service, user } from "../support/clients.ts";
import { useStack } from "../support/stack.ts";

const local = useStack();

Deno.test("a client signed in anonymously lives through the whole life of a context", async () => {
  const client = await user(local.stack);
  const path = newPath();
  const acquired = await invoke(client, "acquire-context", path);
  await invoke(client, "execute-code", { ...path, code: "x = 41" });
  const { execution, context } = await invoke(client, "execute-code", { ...path, code: "x + 1" });
  assert.equal(context.id, acquired.context.id);
  assert.equal(execution.results[0].text, "42");
  assert.deepEqual(await invoke(client, "terminate-context", path), { terminated: 1 });
  assert.equal((await invoke(client, "acquire-context", path)).previous?.termination_reason, "terminated");
});

Deno.test("the sandbox's id is shown to services only", async () => {
  const tenant = `tenant-${crypto.randomUUID()}`;
  const path = newPath();
  const seenByUser = await invoke(await user(local.stack, tenant), "acquire-context", path);
  const seenByService = await invoke(service(local.stack), "acquire-context", { ...path, tenant_id: tenant });
  assert.equal(seenByUser.context.sandbox_id, undefined);
  assert.equal(typeof seenByService.context.sandbox_id, "string");
});

Deno.test("a user may name their own tenant and no other", async () => {
  const tenant = `tenant-${crypto.randomUUID()}`;
  const client = await user(local.stack, tenant);
  const path = newPath();
  await invoke(client, "acquire-context", { ...path, tenant_id: tenant });
  const answer = await refused(client, "acquire-context", { ...path, tenant_id: "another" });
  assert.equal(answer.status, 403);
  assert.equal(answer.body.code, "forbidden_tenant");
  assert.equal(answer.body.field, "tenant_id");
});

Deno.test("what a user writes into their own metadata does not move them to another tenant", async () => {
  const tenant = `tenant-${crypto.randomUUID()}`;
  const path = newPath();
  const owner = await user(local.stack, tenant);
  const { context } = await invoke(owner, "acquire-context", path);
  const stranger = createClient(local.stack.apiUrl, local.stack.publishableKey, {
    auth: { persistSession: false, autoRefreshToken: false },
  });
  const { error } = await stranger.auth.signInAnonymously({ options: { data: { tenant_id: tenant } } });
  assert.equal(error, null);
  assert.notEqual((await invoke(stranger, "acquire-context", path)).context.id, context.id);
});

Deno.test("a token whose tenant is no usable id is refused", async () => {
  const client = await user(local.stack, "x".repeat(256));
  const answer = await refused(client, "acquire-context", newPath());
  assert.equal(answer.status, 403);
  assert.equal(answer.body.code, "forbidden_tenant");
});

Deno.test("neither anon nor a signed-in user can call the database's functions or see its table", async () => {
  const anonymous = createClient(local.stack.apiUrl, local.stack.publishableKey, { auth: { persistSession: false } });
  for (const client of [anonymous, await user(local.stack)]) {
    const calls = {
      copilot_claim_context: {
        p_claim_id: crypto.randomUUID(),
        p_tenant_id: "t",
        p_conversation_id: "c",
        p_path_id: "p",
        p_lease_seconds: 60,
        p_default_ttl_seconds: 60,
      },
      copilot_activate_context: { p_context_id: crypto.randomUUID(), p_sandbox_id: "s" },
      copilot_fail_context: { p_context_id: crypto.randomUUID(), p_error_code: "internal", p_error_final: false },
      copilot_lose_context: { p_context_id: crypto.randomUUID(), p_sandbox_id: "s" },
      copilot_terminate_contexts: { p_tenant_id: "t", p_conversation_id: "c" },
      copilot_confirm_sandbox_killed: { p_context_id: crypto.randomUUID(), p_sandbox_id: "s" },
      copilot_take_owed_kills: {},
      copilot_expire_due_contexts: {},
      copilot_find_orphans: { p_sandboxes: [] },
    };
    for (const [name, parameters] of Object.entries(calls)) {
      const { error } = await client.rpc(name, parameters);
      assert.equal(error?.code, "42501", `${name}: ${error?.message}`);
    }
    const { error } = await client.schema("copilot_internal").from("execution_contexts").select();
    assert.equal(error?.code, "PGRST106");
  }
});
