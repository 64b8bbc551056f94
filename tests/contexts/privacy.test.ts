/** Two users of one tenant: a conversation is its maker's, unless the application says who else may use it. */
import assert from "node:assert/strict";
import type { SupabaseClient } from "@supabase/supabase-js";
import { idOf, invoke, refused, service, stop, user } from "../support/clients.ts";
import { stream } from "../support/event_stream.ts";
import { quick, useFaultyStack } from "../support/faulty_stack.ts";
import { contexts } from "../support/rows.ts";

const faulty = useFaultyStack();

/** Alice's conversation, with her secret in it, and Bob, of the same tenant. */
async function meet() {
  const tenant_id = `tenant-${crypto.randomUUID()}`;
  const [alice, bob] = [await user(faulty.stack, tenant_id), await user(faulty.stack, tenant_id)];
  const path = { conversation_id: `conversation-${crypto.randomUUID()}`, path_id: "main" };
  const { context } = await invoke(alice, "execute-code", { ...path, ...quick, code: "var secret = 'hers'" });
  return { tenant_id, alice, bob, path, context };
}

const seen = async (client: SupabaseClient) =>
  (await client.from("execution_contexts").select("id").is("terminated_at", null)).data?.map(({ id }) => id);

Deno.test("another user of the tenant reaches nothing of it, in whichever way", async () => {
  const { alice, bob, path, context, tenant_id } = await meet();
  const keyed = { ...path, ...quick, code: "secret", idempotency_key: "answer" };
  assert.equal((await invoke(alice, "execute-code", keyed)).execution.results[0].text, "hers");
  const events = await stream(alice, { ...path, ...quick, code: "console.log(1); await new Promise(() => {})" });
  const { data: { execution_id } } = await events.until("context");
  await events.until("stdout");

  for (const branch of [path, { ...path, path_id: "branch" }]) {
    for (const claim of [{}, { tenant_id }, { user_id: await idOf(bob) }]) {
      const { status, body } = await refused(bob, "acquire-context", { ...branch, ...claim });
      assert.deepEqual([status, body.code, body.retryable], [403, "forbidden_conversation", false]);
    }
    assert.equal((await refused(bob, "execute-code", { ...branch, ...quick, code: "secret" })).status, 403);
  }
  // Not even the kept answer to what he could have asked for himself.
  assert.equal((await refused(bob, "execute-code", keyed)).body.code, "forbidden_conversation");
  assert.equal(await stop(bob, path), 0);
  assert.equal(await stop(bob, path, { execution_id }), 0);
  assert.equal(await stop(bob, path, { idempotency_key: "answer" }), 0);
  assert.deepEqual(await invoke(bob, "terminate-context", path), { terminated: 0 });
  assert.deepEqual(await invoke(bob, "terminate-context", { context_id: context.id }), { terminated: 0 });
  assert.deepEqual(await invoke(bob, "terminate-context", { all: true }), { terminated: 0 });
  assert.deepEqual(await seen(bob), []);
  assert.deepEqual(await seen(alice), [context.id]);

  const impostor = await refused(bob, "acquire-context", { ...path, user_id: await idOf(alice) });
  assert.deepEqual([impostor.status, impostor.body.code, impostor.body.field], [403, "forbidden_user", "user_id"]);
  // Of all this, nothing has come to her sandbox, and nothing is left of it.
  assert.equal(await stop(alice, path), 1);
  assert.equal((await events.rest()).at(-1)?.data.status, "cancelled");
  assert.equal((await contexts(faulty.sql, { conversation_id: path.conversation_id })).length, 1);
  assert.equal((await invoke(alice, "execute-code", { ...path, ...quick, code: "1" })).context.id, context.id);
});

Deno.test("the same key in two users' conversations is two keys", async () => {
  const { alice, bob, path } = await meet();
  const own = { ...path, conversation_id: `conversation-${crypto.randomUUID()}` };
  const body = { ...quick, code: "typeof secret", idempotency_key: "1" };
  assert.equal((await invoke(alice, "execute-code", { ...path, ...body })).execution.results[0].text, "string");
  const his = await invoke(bob, "execute-code", { ...own, ...body });
  assert.deepEqual([his.replayed, his.execution.results[0].text], [false, "undefined"]);
});

Deno.test("an application says by one function who else may use it", async () => {
  const { alice, bob, path, context, tenant_id } = await meet();
  const carol = await user(faulty.stack, tenant_id);
  await faulty.sql`create table if not exists public.members (conversation_id text, user_id text)`;
  await faulty.sql`insert into public.members values (${path.conversation_id}, ${await idOf(bob)})`;
  const [{ original }] = await faulty.sql`
    select pg_get_functiondef('copilot_internal.may_use(text, text, text)'::regprocedure) as original`;
  await faulty.sql.unsafe(`
    create or replace function copilot_internal.may_use(p_tenant_id text, p_user_id text, p_conversation_id text)
    returns boolean language sql stable set search_path = '' as $$
      select exists (
        select from public.members m where m.conversation_id = p_conversation_id and m.user_id = p_user_id
      )
    $$`);
  try {
    const answer = await invoke(bob, "execute-code", { ...path, ...quick, code: "secret" });
    assert.deepEqual([answer.context.id, answer.execution.results[0].text], [context.id, "hers"]);
    assert.deepEqual(await seen(bob), [context.id]);
    assert.equal((await refused(carol, "acquire-context", path)).status, 403);
    assert.deepEqual(await seen(carol), []);
    // What is open to him is not his.
    assert.deepEqual(await invoke(bob, "terminate-context", { all: true }), { terminated: 0 });
    assert.deepEqual(await invoke(bob, "terminate-context", path), { terminated: 1 });
    assert.equal((await invoke(alice, "acquire-context", path)).previous?.termination_reason, "terminated");
  } finally {
    await faulty.sql.unsafe(original);
    await faulty.sql`drop table public.members`;
  }
});

Deno.test("or opens all of them to the tenant, in the settings", async () => {
  const { alice, bob, path, context } = await meet();
  await faulty.sql`update copilot_internal.settings set conversation_access = 'tenant'`;
  try {
    assert.equal((await invoke(bob, "acquire-context", path)).context.id, context.id);
    assert.deepEqual(await seen(bob), [context.id]);
    const stranger = await user(faulty.stack);
    assert.notEqual((await invoke(stranger, "acquire-context", path)).context.id, context.id);
  } finally {
    await faulty.sql`update copilot_internal.settings set conversation_access = 'owner'`;
  }
  assert.equal((await invoke(alice, "acquire-context", path)).context.id, context.id);
});

Deno.test("a service acts for a user whom it names, or for the tenant", async () => {
  const { tenant_id, alice, bob, path, context } = await meet();
  const backend = service(faulty.stack);
  assert.equal((await invoke(backend, "acquire-context", { ...path, tenant_id })).context.id, context.id);
  const asAlice = { ...path, tenant_id, user_id: await idOf(alice) };
  assert.equal((await invoke(backend, "acquire-context", asAlice)).context.id, context.id);
  const asBob = { ...path, tenant_id, user_id: await idOf(bob) };
  assert.equal((await refused(backend, "acquire-context", asBob)).body.code, "forbidden_conversation");
  assert.equal((await refused(backend, "acquire-context", { ...path, user_id: "u" })).body.field, "tenant_id");

  // What it makes for a user is that user's; what it makes for the tenant is no user's.
  const [made, common] = ["made", "common"].map((name) => ({ conversation_id: name, path_id: "main" }));
  const forBob = await invoke(backend, "acquire-context", { ...made, tenant_id, user_id: await idOf(bob) });
  assert.equal((await invoke(bob, "acquire-context", made)).context.id, forBob.context.id);
  assert.equal((await refused(alice, "acquire-context", made)).status, 403);
  await invoke(backend, "acquire-context", { ...common, tenant_id });
  for (const client of [alice, bob]) assert.equal((await refused(client, "acquire-context", common)).status, 403);

  // It ends a user's conversations, or the tenant's.
  assert.deepEqual(
    await invoke(backend, "terminate-context", { tenant_id, user_id: await idOf(bob), all: true }),
    { terminated: 1 },
  );
  assert.equal((await invoke(alice, "acquire-context", path)).context.id, context.id);
  assert.deepEqual(await invoke(backend, "terminate-context", { tenant_id, all: true }), { terminated: 2 });
  assert.equal((await refused(backend, "terminate-context", { all: true })).body.field, "tenant_id");
  assert.equal((await refused(backend, "terminate-context", { tenant_id, ...path, all: true })).body.field, "all");
});

Deno.test("a user ends all that is theirs at once", async () => {
  const { alice, bob, path } = await meet();
  await invoke(alice, "acquire-context", { ...path, path_id: "branch" });
  const his = { conversation_id: `conversation-${crypto.randomUUID()}`, path_id: "main" };
  const { context } = await invoke(bob, "acquire-context", his);
  assert.deepEqual(await invoke(alice, "terminate-context", { all: true }), { terminated: 2 });
  assert.deepEqual(await seen(alice), []);
  assert.equal((await invoke(bob, "acquire-context", his)).context.id, context.id);
});

Deno.test("of two users who are first at the same time, it is one's", async () => {
  const { alice, bob } = await meet();
  for (let round = 0; round < 10; round++) {
    const path = { conversation_id: `conversation-${crypto.randomUUID()}`, path_id: "main" };
    const answers = await Promise.all(
      [alice, bob].map((client) => client.functions.invoke("acquire-context", { body: path })),
    );
    assert.deepEqual(answers.map(({ response }) => response?.status).sort(), [200, 403]);
    assert.equal((await contexts(faulty.sql, path)).length, 1);
    await Promise.all([alice, bob].map((client) => invoke(client, "terminate-context", path)));
  }
});
