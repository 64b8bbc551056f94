/** What services see of all tenants: each context that is active or whose kill is owed. */
import assert from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import { idOf, invoke, newPath, service, stop, user } from "../support/clients.ts";
import { stream } from "../support/event_stream.ts";
import { at, quick, useFaultyStack } from "../support/faulty_stack.ts";
import { endsNoted, eventually } from "../support/settle.ts";

const faulty = useFaultyStack();

const overview = async (path: { conversation_id: string }) => {
  const { data, error } = await service(faulty.stack).from("execution_contexts_overview").select()
    .eq("conversation_id", path.conversation_id);
  assert.equal(error, null);
  assert(data);
  return data;
};

Deno.test("a context from its sandbox's birth to its death", async () => {
  const tenant = `tenant-${crypto.randomUUID()}`;
  await faulty.sql`insert into copilot_internal.tenants (tenant_id, template) values (${tenant}, 'theirs')`;
  const client = await user(faulty.stack, tenant);
  const path = newPath();
  const { context } = await invoke(client, "acquire-context", path);
  const [row] = await overview(path);
  assert.equal(row.context_id, context.id);
  assert.deepEqual(
    [row.tenant_id, row.user_id, row.conversation_id, row.path_id],
    [tenant, await idOf(client), path.conversation_id, path.path_id],
  );
  assert.deepEqual([row.sandbox_status, row.template, row.running_since], ["ready", "theirs", null]);
  assert.equal(typeof row.sandbox_id, "string");

  const running = await stream(client, { ...path, ...quick, code: "console.log(1); await new Promise(() => {})" });
  await running.until("stdout");
  await eventually("it runs", async () => (await overview(path))[0].running_since !== null);
  assert.equal((await overview(path))[0].idle_seconds, 0);
  await stop(client, path);
  await running.rest();
  await endsNoted(faulty.sql, path);
  assert.equal((await overview(path))[0].running_since, null);

  const down = faulty.proxy.intercept(at.kill, { kind: "answer", status: 503 }, Infinity);
  await invoke(client, "terminate-context", path);
  const [owed] = await overview(path);
  assert.deepEqual([owed.sandbox_status, owed.termination_reason, owed.idle_seconds], [
    "terminated",
    "terminated",
    null,
  ]);
  assert(owed.kill_owed_since !== null && owed.kill_attempted_at !== null);
  down.end();
  await faulty.sql`
    update copilot_internal.execution_contexts set kill_attempted_at = kill_attempted_at - interval '1 minute'
    where conversation_id = ${path.conversation_id}`;
  await service(faulty.stack).functions.invoke("terminate-context", { body: { due: true } });
  assert.deepEqual(await overview(path), []);
});

Deno.test("the settings' template, where a tenant has none of its own", async () => {
  const path = newPath();
  await invoke(await user(faulty.stack), "acquire-context", path);
  assert.equal((await overview(path))[0].template, "code-interpreter-v1");
});

Deno.test("neither users nor anybody else see it", async () => {
  const anonymous = createClient(faulty.stack.apiUrl, faulty.stack.publishableKey, { auth: { persistSession: false } });
  for (const client of [anonymous, await user(faulty.stack)]) {
    const { error } = await client.from("execution_contexts_overview").select();
    assert.equal(error?.code, "42501");
    assert.equal((await client.rpc("copilot_health")).error?.code, "42501");
    assert.equal((await client.rpc("copilot_close", { p_is_closed: true })).error?.code, "42501");
  }
});
