/** Closing the doors: nothing new is begun, what runs goes on, and a service ends everything with nothing but its key. */
import assert from "node:assert/strict";
import type { Health } from "../../supabase/functions/_shared/contract/health.ts";
import { invoke, newPath, refused, service, stop, user } from "../support/clients.ts";
import { stream } from "../support/event_stream.ts";
import { at, quick, useFaultyStack } from "../support/faulty_stack.ts";
import { alive } from "../support/provider.ts";
import { eventually } from "../support/settle.ts";

const faulty = useFaultyStack();

const close = async (isClosed: boolean) => {
  const { data, error } = await service(faulty.stack).rpc("copilot_close", { p_is_closed: isClosed });
  assert.deepEqual([data, error], [isClosed, null]);
};

Deno.test("while it is closed requests are refused, and what runs goes on to its end", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const running = await stream(client, {
    ...path,
    ...quick,
    code: "console.log(1); await new Promise((resolve) => globalThis.finish = resolve); 2",
  });
  await running.until("stdout");
  const keyed = { ...newPath(), ...quick, code: "1 + 1", idempotency_key: "finished" };
  await invoke(client, "execute-code", keyed);
  await close(true);
  try {
    // What has begun is told of as ever.
    const again = await invoke(client, "execute-code", keyed);
    assert.deepEqual([again.replayed, again.execution.results[0]?.text], [true, "2"]);
    const requests = [
      ["acquire-context", path],
      ["acquire-context", newPath()],
      ["execute-code", { ...path, ...quick, code: "finish()" }],
      ["execute-code", { ...path, ...quick, code: "1", idempotency_key: "new" }],
    ] as const;
    for (const [name, body] of requests) {
      const told = await refused(client, name, body);
      assert.deepEqual([told.status, told.body.code, told.body.retryable], [503, "closed", false], name);
      assert.equal(told.headers.get("Retry-After"), null);
    }
    const asService = await refused(service(faulty.stack), "acquire-context", { ...path, tenant_id: "t" });
    assert.equal(asService.body.code, "closed");
    assert.equal(await stop(client, path), 1);
    assert.equal((await running.rest()).at(-1)?.data.status, "cancelled");
  } finally {
    await close(false);
  }
  assert.equal((await invoke(client, "acquire-context", path)).was_created, false);
  const refusedBefore = { ...path, ...quick, code: "1", idempotency_key: "new" };
  assert.equal((await invoke(client, "execute-code", refusedBefore)).replayed, false);
});

Deno.test("a claim that is under way when it is closed keeps to its end, and none comes after", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const create = faulty.proxy.intercept(at.create, { kind: "hold" });
  const acquiring = invoke(client, "acquire-context", path);
  await create.reached();
  await close(true);
  try {
    create.release();
    assert.equal((await acquiring).was_created, true);
    assert.equal((await refused(client, "acquire-context", path)).body.code, "closed");
  } finally {
    await close(false);
  }
});

Deno.test("whoever closes waits for a claim that has seen it open", async () => {
  const id = crypto.randomUUID();
  const claim = faulty.sql.begin(async (transaction) => {
    const [{ outcome }] = await transaction`
      select outcome from public.copilot_claim_context(${id}, 'waits', 'c', 'p', 60, 60)`;
    assert.equal(outcome, "claimed");
    // Until the other waits for this transaction, which then commits.
    await eventually("it waits", async () => {
      const [{ waits }] = await faulty.sql`
        select exists (
          select from pg_locks l join pg_database d on d.oid = l.database
          where d.datname = current_database() and l.locktype = 'advisory' and not l.granted
        ) as waits`;
      return waits;
    });
  });
  await eventually("it is claimed", async () => {
    const [{ holds }] = await faulty.sql`
      select exists (
        select from pg_locks l join pg_database d on d.oid = l.database
        where d.datname = current_database() and l.locktype = 'advisory' and l.granted
      ) as holds`;
    return holds;
  });
  await close(true);
  try {
    const rows = await faulty.sql`
      select id from copilot_internal.execution_contexts where tenant_id = 'waits' and terminated_at is null`;
    assert.deepEqual([...rows].map((row) => row.id), [id]);
  } finally {
    await claim;
    await close(false);
    await faulty.sql`delete from copilot_internal.execution_contexts where tenant_id = 'waits'`;
  }
});

Deno.test("what ended while E2B made its sandbox is not over before that is known to be gone", async () => {
  const tenant = `tenant-${crypto.randomUUID()}`;
  const client = await user(faulty.stack, tenant);
  const before = alive(faulty.provider).length;
  const create = faulty.proxy.intercept(at.create, { kind: "hold" });
  const path = newPath();
  const acquiring = refused(client, "acquire-context", path);
  await create.reached();
  await close(true);
  try {
    await invoke(service(faulty.stack), "terminate-context", { tenant_id: tenant, all: true });
    const [{ may_live_until }] = await faulty.sql`select may_live_until from public.copilot_health()`;
    assert(may_live_until > new Date());
    create.release();
    assert.equal((await acquiring).body.code, "closed");
    assert.equal(alive(faulty.provider).length, before);
  } finally {
    await close(false);
    await faulty.sql`delete from copilot_internal.execution_contexts where tenant_id = ${tenant}`;
  }
});

Deno.test("with a secret key alone: close, end what there is of every tenant, sweep until nothing is owed", async () => {
  const backend = service(faulty.stack);
  const tenants = Array.from({ length: 3 }, () => `tenant-${crypto.randomUUID()}`);
  for (const tenant of tenants) {
    const client = await user(faulty.stack, tenant);
    for (let path = 0; path < 2; path++) await invoke(client, "acquire-context", newPath());
  }
  assert(alive(faulty.provider).length >= 6);
  // Some kills are owed, and only the sweep does them.
  faulty.proxy.intercept(at.kill, { kind: "answer", status: 503 }, 2);

  await close(true);
  try {
    const health = async (): Promise<Health> => {
      const { data, response } = await backend.functions.invoke<Health>("terminate-context", { method: "GET" });
      return data ?? await response?.json();
    };
    await eventually("nothing is active, and nothing is owed", async () => {
      const listed = await backend.from("execution_contexts_overview").select("tenant_id").is("kill_owed_since", null);
      assert.equal(listed.error, null);
      for (const tenant_id of new Set(listed.data?.map((row) => row.tenant_id))) {
        await invoke(backend, "terminate-context", { tenant_id, all: true });
      }
      // Whoever took a kill on has half a minute for it.
      await faulty.sql`
        update copilot_internal.execution_contexts set kill_attempted_at = kill_attempted_at - interval '1 minute'
        where terminated_at is not null and sandbox_killed_at is null`;
      const swept = await backend.functions.invoke("terminate-context", { body: { due: true } });
      assert.equal(swept.error, null);
      const { is_closed, contexts, kills_owed, may_live_until } = await health();
      assert.equal(is_closed, true);
      return contexts.creating + contexts.awake + contexts.asleep + kills_owed.count === 0 && may_live_until === null;
    });
    assert.deepEqual(alive(faulty.provider), []);
    assert.deepEqual((await backend.from("execution_contexts_overview").select()).data, []);
  } finally {
    await close(false);
  }
});
