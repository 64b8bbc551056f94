/** The sweep: what is due is retired, owed kills are done, orphans are found, and nobody else's sandbox is touched. */
import { Sandbox } from "e2b";
import assert from "node:assert/strict";
import { invoke, newPath, refused, service, user } from "../support/clients.ts";
import { at, useFaultyStack } from "../support/faulty_stack.ts";
import { createdFor } from "../support/provider.ts";
import { contexts, reachDeadline } from "../support/rows.ts";
import { eventually, sweepNow } from "../support/settle.ts";

// Creating may take three seconds, and so may probation, within which a sandbox must be taken over also while others keep
// the machine busy: an orphan is one from then on.
const faulty = useFaultyStack({
  functions: 2,
  env: {
    CONTEXT_LEASE_SECONDS: "6",
    SANDBOX_PROBATION_SECONDS: "3",
    TENANT_QUOTA: "100",
    CONVERSATION_QUOTA: "100",
  },
});

const sweep = async () => {
  const { data, error } = await service(faulty.stack).functions.invoke("terminate-context", { body: { due: true } });
  assert.equal(error, null);
  return data;
};
const isAlive = (contextId: string) => createdFor(faulty.provider, contextId).some(({ ended }) => ended === null);

/** Sweeps until the path's kill is confirmed: a sweep in passing may have taken it on just before ours. */
const confirmed = (path: { conversation_id: string }) =>
  eventually("the kill is confirmed", async () => {
    await sweepNow(faulty.stack, faulty.sql);
    return (await contexts(faulty.sql, path))[0].sandbox_killed_at !== null;
  });

Deno.test("an expired context is retired, and its sandbox killed and confirmed", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const { context } = await invoke(client, "acquire-context", path);
  await reachDeadline(faulty.sql, path);
  await sweep();
  const [row] = await contexts(faulty.sql, path);
  assert.equal(row.termination_reason, "expired");
  assert(row.sandbox_killed_at);
  assert.equal(isAlive(context.id), false);
});

Deno.test("a kill that failed stays owed until a sweep gets through", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const { context } = await invoke(client, "acquire-context", path);
  const down = faulty.proxy.intercept(at.kill, { kind: "answer", status: 503 }, Infinity);
  await invoke(client, "terminate-context", path);
  await sweepNow(faulty.stack, faulty.sql);
  assert.equal((await contexts(faulty.sql, path))[0].sandbox_killed_at, null);
  assert.equal(isAlive(context.id), true);
  down.end();

  await confirmed(path);
  assert.equal(isAlive(context.id), false);
});

Deno.test("a kill whose sandbox is gone already is confirmed", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const { context } = await invoke(client, "acquire-context", path);
  const down = faulty.proxy.intercept(at.kill, { kind: "drop", when: "after" }, 2);
  await invoke(client, "terminate-context", path);
  down.end();
  assert.equal(isAlive(context.id), false);
  await confirmed(path);
});

Deno.test("orphans die; sandboxes of active contexts, young ones, and those of others do not", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const options = { apiUrl: faulty.provider.url, apiKey: faulty.provider.apiKey, validateApiKey: false };
  const mine = await invoke(client, "acquire-context", path);
  const ours = { made_by: "execution-contexts" };
  const made = {
    orphan: await Sandbox.create({ ...options, metadata: { ...ours, context_id: mine.context.id } }),
    strangersContext: await Sandbox.create({ ...options, metadata: { ...ours, context_id: crypto.randomUUID() } }),
    strangersName: await Sandbox.create({ ...options, metadata: { ...ours, context_id: "not-one-of-ours" } }),
    unrelated: await Sandbox.create({ ...options, metadata: { purpose: "something else" } }),
  };
  const lives = (id: string) => faulty.provider.sandboxes().some((one) => one.sandboxId === id && one.ended === null);

  await sweep();
  assert.equal(lives(made.orphan.sandboxId), true, "too young to be called an orphan");
  // Old enough once creating and probation could be over.
  await new Promise((resolve) => setTimeout(resolve, 6_100));
  const swept = await sweep();
  assert.equal(swept.orphans, 1);
  assert.equal(lives(made.orphan.sandboxId), false);
  for (const other of [made.strangersContext, made.strangersName, made.unrelated]) {
    assert.equal(lives(other.sandboxId), true);
    await other.kill();
  }
  assert.equal((await invoke(client, "acquire-context", path)).context.id, mine.context.id);
});

Deno.test("sweeps at the same time share the work: every owed kill is tried by one of them", async () => {
  const client = await user(faulty.stack);
  const conversation = newPath().conversation_id;
  const paths = Array.from({ length: 20 }, (_, index) => ({ conversation_id: conversation, path_id: `p${index}` }));
  // One after the other: a busy machine could not take twenty over at once within their probation.
  for (const path of paths) await invoke(client, "acquire-context", path);
  await reachDeadline(faulty.sql, { conversation_id: conversation });
  const before = faulty.proxy.requests.filter(at.kill).length;
  await Promise.all(Array.from({ length: 8 }, sweep));
  await sweep();
  const rows = await contexts(faulty.sql, { conversation_id: conversation });
  assert.equal(rows.filter((row) => row.sandbox_killed_at !== null).length, 20);
  assert.equal(faulty.proxy.requests.filter(at.kill).length - before, 20);
});

Deno.test("only services may sweep, and a sweep takes no scope", async () => {
  const client = await user(faulty.stack);
  const asUser = await refused(client, "terminate-context", { due: true });
  assert.deepEqual([asUser.status, asUser.body.code], [403, "forbidden"]);
  const scoped = await refused(service(faulty.stack), "terminate-context", { due: true, tenant_id: "t" });
  assert.deepEqual([scoped.status, scoped.body.field], [400, "tenant_id"]);
  const false_ = await refused(service(faulty.stack), "terminate-context", { due: false });
  assert.deepEqual([false_.status, false_.body.field], [400, "due"]);
});

Deno.test("pg_cron's job asks for a sweep through pg_net when the Vault knows where, and does nothing otherwise", async () => {
  // The two extensions' faces; neither can be installed here.
  const request = async () => (await faulty.sql`select copilot_internal.request_sweep() as id`)[0].id;
  assert.equal(await request(), null);
  await faulty.sql.unsafe(`
    create schema vault; create table vault.decrypted_secrets (name text, decrypted_secret text);
    create schema net; create table net.requests (url text, body jsonb, headers jsonb, timeout_milliseconds integer);
    create function net.http_post(url text, body jsonb default '{}', params jsonb default '{}',
      headers jsonb default '{}', timeout_milliseconds integer default 5000) returns bigint language sql as
      'insert into net.requests values (url, body, headers, timeout_milliseconds) returning 7::bigint'`).simple();
  try {
    assert.equal(await request(), null);
    await faulty.sql`insert into vault.decrypted_secrets values
      ('execution_contexts_url', ${
      faulty.stack.apiUrl + "/"
    }), ('execution_contexts_secret_key', ${faulty.stack.secretKey})`;
    assert.equal(await request(), "7");
    const [sent] = await faulty.sql`select * from net.requests`;
    const response = await fetch(sent.url, { method: "POST", headers: sent.headers, body: JSON.stringify(sent.body) });
    assert.equal(response.status, 200);
    assert.deepEqual(Object.keys(await response.json()), ["expired", "killed", "orphans", "failed"]);
  } finally {
    await faulty.sql.unsafe("drop schema vault cascade; drop schema net cascade").simple();
  }
});
