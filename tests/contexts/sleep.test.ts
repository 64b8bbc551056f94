/** A context that stands idle falls asleep with all that it has, and wakes when it is used: nobody loses, nothing is billed. */
import assert from "node:assert/strict";
import type { ErrorBody } from "../../supabase/functions/_shared/contract/error.ts";
import { idOf, invoke, newPath, refused, service, user } from "../support/clients.ts";
import { date } from "../support/dates.ts";
import { at, useFaultyStack } from "../support/faulty_stack.ts";
import { alive, awake, createdFor, killBehindOurBack } from "../support/provider.ts";
import { contexts, reachDeadline } from "../support/rows.ts";
import { deadlinesMoved, eventually, fallAsleep, sweepNow } from "../support/settle.ts";
import { useStack } from "../support/stack.ts";

const faulty = useFaultyStack({ env: { TENANT_QUOTA: "2", TENANT_SLEEPING_QUOTA: "3" } });
const hasty = useStack({ env: { SANDBOX_PROBATION_SECONDS: "5", CONTEXT_TTL_SECONDS: "1" } });

/** What a context's sandbox is at the provider. */
const stateOf = (contextId: string) => createdFor(faulty.provider, contextId).map(({ state }) => state);

Deno.test("variables, files and the kernel's count are there after a sleep, and the caller is told", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const before = await invoke(client, "execute-code", { ...path, code: "x = 41; open('note', 'w').write('kept')" });
  assert.equal(before.was_resumed, false);
  await fallAsleep(faulty, path);
  assert.deepEqual(stateOf(before.context.id), ["paused"]);

  const after = await invoke(client, "execute-code", { ...path, code: "x + 1, open('note').read()" });
  assert.equal(after.execution.results[0].text, "(42, 'kept')");
  assert.equal(after.execution.execution_count, 2);
  assert.deepEqual([after.was_resumed, after.was_created, after.previous], [true, false, null]);
  assert.deepEqual([after.context.id, after.state_id], [before.context.id, before.state_id]);
  assert.deepEqual(stateOf(before.context.id), ["running"]);
  const later = await invoke(client, "execute-code", { ...path, code: "x" });
  assert.equal(later.was_resumed, false);
});

Deno.test("acquiring wakes it, too", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const before = await invoke(client, "acquire-context", path);
  const { expires_at, kept_until } = before.context;
  assert.equal(Date.parse(kept_until) - Date.parse(expires_at), 7 * 24 * 60 * 60 * 1000);
  await fallAsleep(faulty, path);
  const after = await invoke(client, "acquire-context", path);
  assert.deepEqual([after.context.id, after.was_created, after.was_resumed], [before.context.id, false, true]);
  assert.deepEqual(stateOf(before.context.id), ["running"]);
});

Deno.test("the provider puts it to sleep by itself, at its deadline", async () => {
  const client = await user(hasty.stack);
  const path = newPath();
  // An execution would keep it awake for as long as it may take.
  const before = await invoke(client, "acquire-context", path);
  const state = () => createdFor(hasty.stack, before.context.id)[0].state;
  await eventually("its sandbox sleeps, and its user sees that", async () => {
    const { data } = await client.from("execution_contexts").select("state").eq("id", before.context.id);
    return state() === "paused" && data?.[0].state === "asleep";
  });
  const after = await invoke(client, "acquire-context", path);
  assert.deepEqual([after.context.id, after.was_resumed, after.was_created], [before.context.id, true, false]);
});

Deno.test("twenty callers wake it at once: one sandbox, its variables, and one of them is told", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const before = await invoke(client, "execute-code", { ...path, code: "runs = 0" });
  await fallAsleep(faulty, path);
  const made = faulty.provider.sandboxes().length;
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => invoke(client, "execute-code", { ...path, code: "runs += 1; runs" })),
  );
  assert.deepEqual([...new Set(answers.map(({ context }) => context.id))], [before.context.id]);
  assert.deepEqual(
    answers.map(({ execution }) => Number(execution.results[0].text)).sort((a, b) => a - b),
    Array.from({ length: 20 }, (_, index) => index + 1),
  );
  assert.equal(answers.filter(({ was_resumed }) => was_resumed).length, 1);
  assert.equal(faulty.provider.sandboxes().length, made);
});

Deno.test("a sleeper holds no place; to wake takes one, and where there is none it loses nothing", async () => {
  const client = await user(faulty.stack);
  const [sleeper, ...others] = Array.from({ length: 3 }, newPath);
  const before = await invoke(client, "execute-code", { ...sleeper, code: "x = 'there'" });
  await fallAsleep(faulty, sleeper);
  for (const path of others) await invoke(client, "acquire-context", path);

  for (const name of ["acquire-context", "execute-code"] as const) {
    const body = name === "acquire-context" ? sleeper : { ...sleeper, code: "x" };
    const { status, body: told } = await refused(client, name, body);
    assert.deepEqual([status, told.code, told.scope, told.current], [429, "quota_exceeded", "tenant", 2]);
  }
  assert.deepEqual(stateOf(before.context.id), ["paused"]);
  // Awake, it holds the place that it has taken.
  await invoke(client, "terminate-context", others[0]);
  const after = await invoke(client, "execute-code", { ...sleeper, code: "x" });
  assert.deepEqual([after.context.id, after.execution.results[0].text], [before.context.id, "there"]);
  assert.equal((await refused(client, "acquire-context", newPath())).body.code, "quota_exceeded");
});

Deno.test("one that cannot be woken gives its place back, and sleeps on", async () => {
  const client = await user(faulty.stack);
  const [sleeper, other] = [newPath(), newPath()];
  const before = await invoke(client, "execute-code", { ...sleeper, code: "x = 1" });
  await fallAsleep(faulty, sleeper);
  await invoke(client, "acquire-context", other);
  await deadlinesMoved(faulty.sql, other);
  const full = { code: 429, message: "you have reached the maximum number of concurrent E2B sandboxes" };
  const refusal = faulty.proxy.intercept(at.connect, { kind: "answer", status: 429, body: full });
  const { body: told } = await refused(client, "execute-code", { ...sleeper, code: "x" });
  refusal.end();
  assert.equal(told.code, "out_of_sandboxes");

  // Its place is there for another.
  const third = newPath();
  await invoke(client, "acquire-context", third);
  await invoke(client, "terminate-context", third);
  const after = await invoke(client, "execute-code", { ...sleeper, code: "x" });
  assert.deepEqual([after.context.id, after.was_resumed, after.execution.results[0].text], [
    before.context.id,
    true,
    "1",
  ]);
});

Deno.test("while the provider is just pausing it, waking waits and ends nothing", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const before = await invoke(client, "execute-code", { ...path, code: "x = 1" });
  await fallAsleep(faulty, path);
  const changing = { code: 409, message: `Sandbox "i" is being paused (started at 2026-11-27T00:00:00Z)` };
  const conflicts = faulty.proxy.intercept(at.connect, { kind: "answer", status: 409, body: changing }, 3);
  const after = await invoke(client, "execute-code", { ...path, code: "x" });
  assert.equal(conflicts.left(), 0);
  assert.deepEqual([after.context.id, after.was_resumed, after.execution.results[0].text], [
    before.context.id,
    true,
    "1",
  ]);
});

for (const [status, message] of [[409, `Sandbox "i" is being killed`], [410, `Sandbox "i" was killed`]] as const) {
  Deno.test(`a sleeper of which the provider says ${status}, killed, is replaced, and the caller is told`, async () => {
    const client = await user(faulty.stack);
    const path = newPath();
    const before = await invoke(client, "acquire-context", path);
    await fallAsleep(faulty, path);
    const killed = { kind: "answer", status, body: { code: status, message } } as const;
    faulty.proxy.intercept(at.connect, killed);
    const after = await invoke(client, "acquire-context", path);
    assert.notEqual(after.context.id, before.context.id);
    assert.deepEqual([after.was_created, after.was_resumed, after.previous?.termination_reason], [
      true,
      false,
      "sandbox_lost",
    ]);
  });
}

Deno.test("one that was killed in its sleep is replaced, and the caller is told", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const before = await invoke(client, "execute-code", { ...path, code: "x = 1" });
  await fallAsleep(faulty, path);
  await killBehindOurBack(faulty.provider, before.context.id);
  const after = await invoke(client, "execute-code", { ...path, code: "'x' in globals()" });
  assert.equal(after.execution.results[0].text, "False");
  assert.deepEqual([after.was_created, after.previous?.termination_reason], [true, "sandbox_lost"]);
});

Deno.test("a kernel that has lost its memory on the way is told of as any other that has restarted", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const before = await invoke(client, "execute-code", { ...path, code: "x = 1" });
  const sandboxId = createdFor(faulty.provider, before.context.id)[0].sandboxId;
  const at = (port: string) => ({ "e2b-sandbox-id": sandboxId, "e2b-sandbox-port": port, "X-API-KEY": "" });
  const described = await fetch(`${faulty.provider.url}/sandboxes/${sandboxId}`, {
    headers: { "X-API-KEY": faulty.provider.apiKey },
  });
  const { envdAccessToken } = await described.json();
  const connected = await fetch(`${faulty.provider.url}/v2/sandboxes/${sandboxId}/connect`, {
    method: "POST",
    headers: { "X-API-KEY": faulty.provider.apiKey, "Content-Type": "application/json" },
    body: JSON.stringify({ timeout: 60 }),
  });
  const { trafficAccessToken } = await connected.json();
  const headers = {
    ...at("49999"),
    "X-Access-Token": envdAccessToken,
    "E2B-Traffic-Access-Token": trafficAccessToken ?? "",
  };
  const kernels = await (await fetch(`${faulty.provider.url}/contexts`, { headers })).json();
  const python = kernels.find(({ language }: { language: string }) => language === "python");
  await (await fetch(`${faulty.provider.url}/contexts/${python.id}/restart`, { method: "POST", headers })).text();
  await fallAsleep(faulty, path);

  const after = await invoke(client, "execute-code", { ...path, code: "'x' in globals()" });
  assert.deepEqual([after.was_resumed, after.execution.results[0].text], [true, "False"]);
  assert.equal(after.previous?.termination_reason, "kernel_restarted");
  assert.notEqual(after.state_id, before.state_id);
});

Deno.test("beyond as many sleepers as a tenant may have, the one that has slept longest ends", async () => {
  const client = await user(faulty.stack);
  const paths = Array.from({ length: 4 }, newPath);
  const ids: string[] = [];
  for (const path of paths) {
    ids.push((await invoke(client, "acquire-context", path)).context.id);
    await fallAsleep(faulty, path);
  }
  await sweepNow(faulty.stack, faulty.sql);
  const rows = await Promise.all(paths.map((path) => contexts(faulty.sql, path)));
  assert.deepEqual(rows.map(([{ termination_reason }]) => termination_reason), ["evicted", null, null, null]);
  await eventually("its sandbox is killed", () => stateOf(ids[0])[0] === "ended");
  assert.deepEqual(ids.slice(1).flatMap(stateOf), ["paused", "paused", "paused"]);
  const again = await invoke(client, "acquire-context", paths[0]);
  assert.deepEqual([again.was_created, again.previous?.termination_reason], [true, "evicted"]);
});

Deno.test("one that has slept as long as it may is retired, and its sandbox killed, which E2B would not", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const before = await invoke(client, "acquire-context", path);
  await fallAsleep(faulty, path);
  await sweepNow(faulty.stack, faulty.sql);
  assert.deepEqual(stateOf(before.context.id), ["paused"]);
  await reachDeadline(faulty.sql, path);
  await sweepNow(faulty.stack, faulty.sql);
  await eventually("its sandbox is killed", () => stateOf(before.context.id)[0] === "ended");
  const [row] = await contexts(faulty.sql, path);
  assert.equal(row.termination_reason, "expired");
  assert.notEqual(row.sandbox_killed_at, null);
});

Deno.test("terminating a sleeper kills its sandbox", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const { context } = await invoke(client, "acquire-context", path);
  await fallAsleep(faulty, path);
  assert.equal((await invoke(client, "terminate-context", path)).terminated, 1);
  assert.deepEqual(stateOf(context.id), ["ended"]);
});

Deno.test("users see what is awake, asleep and ended, and until when it is kept", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const { context } = await invoke(client, "acquire-context", path);
  const seen = async () => {
    const { data, error } = await client.from("execution_contexts").select("state, kept_until").eq("id", context.id);
    assert.equal(error, null);
    return data[0];
  };
  const first = await seen();
  assert.equal(first.state, "awake");
  assert(Math.abs(Date.parse(first.kept_until) - Date.parse(context.kept_until)) < 1_000);
  await fallAsleep(faulty, path);
  assert.equal((await seen()).state, "asleep");
  await invoke(client, "terminate-context", path);
  assert.equal((await seen()).state, "ended");
});

Deno.test("usage counts the time awake, span by span, and never the sleep", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  await invoke(client, "acquire-context", path);
  await fallAsleep(faulty, path);
  // It was awake for an hour, and slept for two.
  const { conversation_id } = path;
  await faulty.sql`
    update copilot_internal.execution_contexts
    set activated_at = activated_at - interval '2 hours', created_at = created_at - interval '2 hours',
        expires_at = expires_at - interval '2 hours', sandbox_deadline_at = sandbox_deadline_at - interval '2 hours'
    where conversation_id = ${conversation_id}`;
  const after = await invoke(client, "acquire-context", path);
  assert.equal(after.was_resumed, true);
  await eventually("its wake is noted", async () => {
    const spans = await faulty
      .sql`select from copilot_internal.sandbox_lives where conversation_id = ${conversation_id}`;
    return spans.length === 1;
  });
  await invoke(client, "terminate-context", path);
  const spans = await faulty.sql`
    select extract(epoch from ended_at - started_at)::float as seconds
    from copilot_internal.sandbox_lives where conversation_id = ${conversation_id} order by started_at`;
  assert.equal(spans.length, 2);
  assert(Math.abs(spans[0].seconds - 3600) < 60, String(spans[0].seconds));
  assert(spans[1].seconds < 600, String(spans[1].seconds));
  const { data } = await service(faulty.stack).rpc("copilot_execution_usage", {
    p_from: date(-1),
    p_to: date(0),
    p_tenant_id: await idOf(client),
  });
  const seconds = data.reduce((sum: number, row: { sandbox_seconds: number }) => sum + row.sandbox_seconds, 0);
  assert(seconds > 3500 && seconds < 4300, String(seconds));
});

Deno.test("with a keep of 0 the provider kills at the deadline, and the path begins anew", async () => {
  const client = await user(brief.stack);
  const path = newPath();
  const before = await invoke(client, "acquire-context", path);
  assert.equal(before.context.kept_until, before.context.expires_at);
  await eventually("its sandbox is gone", () => createdFor(brief.stack, before.context.id)[0].state === "ended", {
    seconds: 60,
  });
  const after = await invoke(client, "acquire-context", path);
  assert.deepEqual([after.was_created, after.was_resumed], [true, false]);
  assert.match(String(after.previous?.termination_reason), /^(expired|sandbox_lost)$/);
});

const brief = useStack({
  env: { CONTEXT_KEEP_SECONDS: "0", SANDBOX_PROBATION_SECONDS: "1", CONTEXT_TTL_SECONDS: "1" },
});

Deno.test("an orphan in flight is paused when its probation ends, and the sweep kills it, however late that is", async () => {
  const client = await user(orphaning.stack);
  const path = newPath();
  // Its maker learns of it too late.
  const created = orphaning.proxy.intercept(at.create, { kind: "hold_answer" });
  const { error, response } = await client.functions.invoke("acquire-context", { body: path });
  assert(error && response);
  const told: ErrorBody = await response.json();
  assert.equal(told.code, "sandbox_timeout");
  await eventually("the orphan is paused, and older than a claim in flight takes", () => {
    const [sandbox] = orphaning.provider.sandboxes();
    return sandbox?.state === "paused" && Date.now() - sandbox.startedAt.getTime() > 5_000;
  });
  assert.deepEqual(awake(orphaning.provider), []);
  created.release();
  // Nothing has been swept for an hour, and the claims that came to nothing have been cleaned up meanwhile.
  await orphaning.sql`
    update copilot_internal.execution_contexts
    set terminated_at = terminated_at - interval '1 hour', may_live_until = may_live_until - interval '1 hour',
        created_at = created_at - interval '1 hour'
    where conversation_id = ${path.conversation_id} and terminated_at is not null`;
  await orphaning.sql`update copilot_internal.sweep_place set walked_at = walked_at - interval '1 hour' where id`;
  await orphaning.sql`select copilot_internal.delete_failed_claims()`;
  await eventually("the orphan is dead", async () => {
    await sweepNow(orphaning.stack, orphaning.sql);
    return alive(orphaning.provider).length === 0;
  });
});

const orphaning = useFaultyStack({ env: { CONTEXT_LEASE_SECONDS: "8", SANDBOX_PROBATION_SECONDS: "1" } });
