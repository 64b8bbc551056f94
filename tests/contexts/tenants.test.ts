/** A tenant with a row of its own: its quotas and rates, its template and network, and whether it is served at all. */
import assert from "node:assert/strict";
import type { SupabaseClient } from "@supabase/supabase-js";
import { idOf, invoke, newPath, refused, service, stop, user } from "../support/clients.ts";
import { stream } from "../support/event_stream.ts";
import { leaksNothing, quick, useFaultyStack } from "../support/faulty_stack.ts";
import { createdFor } from "../support/provider.ts";

const faulty = useFaultyStack();

interface Tenant {
  readonly tenant_id: string;
  readonly client: SupabaseClient;
}

/** A user of a tenant that has this of its own. */
async function tenant(own: Record<string, unknown>): Promise<Tenant> {
  const tenant_id = `tenant-${crypto.randomUUID()}`;
  await faulty.sql`insert into copilot_internal.tenants ${faulty.sql({ tenant_id, ...own })}`;
  return { tenant_id, client: await user(faulty.stack, tenant_id) };
}

Deno.test("quotas and rates, and nobody else's", async () => {
  const small = await tenant({ sandbox_quota: 1 });
  const narrow = await tenant({ conversation_quota: 1 });
  const slow = await tenant({ creates_per_minute: 1 });
  const quiet = await tenant({ executions_per_minute: 1 });
  const path = newPath();
  const branch = { ...path, path_id: "branch" };
  for (const { client } of [small, narrow, slow, quiet]) {
    await invoke(client, "execute-code", { ...path, ...quick, code: "1" });
  }
  assert.equal((await refused(small.client, "acquire-context", newPath())).body.scope, "tenant");
  assert.equal((await refused(narrow.client, "acquire-context", branch)).body.scope, "conversation");
  assert.equal((await invoke(narrow.client, "acquire-context", newPath())).was_created, true);
  assert.equal((await refused(slow.client, "acquire-context", newPath())).body.code, "rate_limited");
  assert.equal(
    (await refused(quiet.client, "execute-code", { ...path, ...quick, code: "1" })).body.code,
    "rate_limited",
  );
  const other = await user(faulty.stack);
  for (const each of [path, branch, newPath()]) await invoke(other, "execute-code", { ...each, ...quick, code: "1" });
});

Deno.test("no quota at all is told as such", async () => {
  const { client } = await tenant({ sandbox_quota: 0 });
  const { body, headers } = await refused(client, "acquire-context", newPath());
  assert.deepEqual([body.code, body.limit, body.retry_after_seconds], ["quota_exceeded", 0, undefined]);
  assert.equal(headers.get("Retry-After"), null);
});

Deno.test("the template, and what code may reach", async () => {
  const made = async ({ client }: Tenant) => {
    const { context } = await invoke(client, "acquire-context", newPath());
    const [{ templateId, egress }] = createdFor(faulty.provider, context.id);
    return { templateId, egress };
  };
  const templateId = "code-interpreter-v1";
  const nothing = { allow: [], deny: ["0.0.0.0/0"] };
  assert.deepEqual(await made(await tenant({})), { templateId, egress: nothing });
  assert.deepEqual(await made(await tenant({ template: "theirs" })), { templateId: "theirs", egress: nothing });
  assert.deepEqual(await made(await tenant({ allow_internet: true })), { templateId, egress: { allow: [], deny: [] } });
  const allowed_hosts = ["pypi.org", "*.example.com", "8.8.8.8/32"];
  assert.deepEqual(await made(await tenant({ allowed_hosts })), {
    templateId,
    egress: { allow: allowed_hosts, deny: ["0.0.0.0/0"] },
  });
});

Deno.test("kept answers", async () => {
  const { client } = await tenant({ answers: 1 });
  const path = newPath();
  const bodies = ["first", "second"].map((idempotency_key) => ({ ...path, ...quick, code: "1", idempotency_key }));
  for (const body of bodies) await invoke(client, "execute-code", body);
  assert.equal((await refused(client, "execute-code", bodies[0])).body.code, "answer_gone");
  assert.equal((await invoke(client, "execute-code", bodies[1])).replayed, true);
});

Deno.test("one that is disabled is refused, what it runs is stopped, and its sandboxes end", async () => {
  const { client, tenant_id } = await tenant({});
  const path = newPath();
  const keyed = { ...path, ...quick, code: "1", idempotency_key: "kept" };
  await invoke(client, "execute-code", keyed);
  const running = await stream(client, { ...path, ...quick, code: "console.log(1); await new Promise(() => {})" });
  await running.until("stdout");
  await faulty.sql`update copilot_internal.tenants set is_disabled = true where tenant_id = ${tenant_id}`;
  assert.equal((await running.rest()).at(-1)?.data.status, "cancelled");
  const bodies = [path, keyed, newPath(), { ...path, ...quick, code: "2" }];
  for (const body of bodies) {
    const told = await refused(client, "code" in body ? "execute-code" : "acquire-context", body);
    assert.deepEqual([told.status, told.body.code, told.body.retryable], [403, "tenant_disabled", false]);
  }
  // Ending is nobody's harm.
  assert.equal(await stop(client, path), 0);
  assert.deepEqual(await invoke(client, "terminate-context", path), { terminated: 0 });
  await leaksNothing(faulty, path);

  await faulty.sql`update copilot_internal.tenants set is_disabled = false where tenant_id = ${tenant_id}`;
  const back = await invoke(client, "acquire-context", path);
  assert.deepEqual([back.was_created, back.previous?.termination_reason], [true, "terminated"]);
  assert.equal((await invoke(client, "execute-code", keyed)).replayed, true);
});

/** Asks to forget until nothing is left, sweeping in between. */
async function forget(tenant_id: string, user_id?: string) {
  const backend = service(faulty.stack);
  const rounds = [];
  for (let isDone = false; !isDone; isDone = rounds.at(-1)?.is_done) {
    const { data, error } = await backend.rpc("copilot_forget", {
      p_tenant_id: tenant_id,
      ...(user_id === undefined ? { p_all: true } : { p_user_id: user_id }),
    });
    assert.equal(error, null);
    rounds.push(data[0]);
    assert(rounds.length < 10, JSON.stringify(rounds));
    const swept = await backend.functions.invoke("terminate-context", { body: { due: true } });
    assert.equal(swept.error, null);
  }
  return rounds;
}

/** In how many rows of ours something stands, whichever column. */
async function mentions(text: string): Promise<number> {
  const tables = await faulty.sql`
    select c.oid::regclass::text as name from pg_class c
    where c.relnamespace = 'copilot_internal'::regnamespace and c.relkind = 'r'`;
  let rows = 0;
  for (const { name } of tables) {
    const [{ count }] = await faulty.sql.unsafe(
      `select count(*)::integer as count from ${name} t where position($1 in t::text) > 0`,
      [text],
    );
    rows += count;
  }
  return rows;
}

Deno.test("a user is forgotten, and then the tenant: no row knows of them, and no sandbox is left", async () => {
  const tenant_id = `tenant-${crypto.randomUUID()}`;
  const [alice, bob] = [await user(faulty.stack, tenant_id), await user(faulty.stack, tenant_id)];
  const [hers, his] = [newPath(), newPath()];
  for (const [client, path] of [[alice, hers], [bob, his]] as const) {
    await invoke(client, "execute-code", { ...path, ...quick, code: "1", idempotency_key: "said" });
    await invoke(client, "acquire-context", { ...path, path_id: "branch" });
  }
  const slip = await service(faulty.stack).rpc("copilot_forget", { p_tenant_id: tenant_id, p_user_id: undefined });
  assert.equal(slip.error?.code, "22023");
  const [first] = await forget(tenant_id, await idOf(alice));
  assert.deepEqual([first.ended_contexts, first.left_contexts, first.is_done], [2, 2, false]);
  assert.equal(await mentions(hers.conversation_id), 0);
  await leaksNothing(faulty, hers);
  assert.equal((await invoke(bob, "acquire-context", his)).was_created, false);
  assert(await mentions(his.conversation_id) > 0);

  await forget(tenant_id);
  assert.equal(await mentions(tenant_id), 0);
  await leaksNothing(faulty, his);
  assert.deepEqual((await forget(tenant_id)).map(({ is_done }) => is_done), [true]);
  // Nothing holds them off.
  assert.equal((await invoke(alice, "acquire-context", hers)).previous, null);
});
