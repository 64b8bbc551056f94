/** One context a path: created once, reused, replaced when it has ended, and the caller is told. */
import assert from "node:assert/strict";
import { invoke, newPath, refused, service, user } from "../support/clients.ts";
import { createdFor, killBehindOurBack, providerOf } from "../support/provider.ts";
import { contexts, reachDeadline } from "../support/rows.ts";
import { eventually } from "../support/settle.ts";
import { useStack } from "../support/stack.ts";

const local = useStack({ functions: 2 });

Deno.test("a new path gets a context and a sandbox of its own", async () => {
  const client = await user(local.stack);
  const path = newPath();
  const answer = await invoke(client, "acquire-context", path);

  assert.equal(answer.was_created, true);
  assert.equal(answer.previous, null);
  assert.equal(answer.context.conversation_id, path.conversation_id);
  assert.equal(answer.context.path_id, path.path_id);
  assert.equal(answer.context.ttl_seconds, 1800);
  assert.equal(Date.parse(answer.context.expires_at) - Date.parse(answer.context.last_used_at), 1_800_000);

  const [sandbox, ...others] = createdFor(local.stack, answer.context.id);
  assert.equal(others.length, 0);
  assert.equal(sandbox.ended, null);
  assert.equal(sandbox.templateId, "code-interpreter-v1");
  // Past probation, soon: it lives as long as its context, and not much longer.
  const longer = () =>
    createdFor(local.stack, answer.context.id)[0].endAt.getTime() - Date.parse(answer.context.expires_at);
  await eventually("its deadline is its context's", () => longer() > -1_000);
  assert(longer() < 65_000);
});

Deno.test("acquiring again reuses the context and moves its deadline", async () => {
  const client = await user(local.stack);
  const path = newPath();
  const first = await invoke(client, "acquire-context", path);
  const second = await invoke(client, "acquire-context", path);

  assert.equal(second.context.id, first.context.id);
  assert.equal(second.was_created, false);
  assert.equal(second.previous, null);
  assert(Date.parse(second.context.expires_at) > Date.parse(first.context.expires_at));
  assert.equal(createdFor(local.stack, first.context.id).length, 1);
});

Deno.test("ten parallel requests on a new path: all 200, one context, one sandbox", async () => {
  const client = await user(local.stack);
  const path = newPath();
  const answers = await Promise.all(Array.from({ length: 10 }, () => invoke(client, "acquire-context", path)));

  const ids = new Set(answers.map((answer) => answer.context.id));
  assert.equal(ids.size, 1);
  assert.equal(answers.filter((answer) => answer.was_created).length, 1);
  assert.equal(createdFor(local.stack, answers[0].context.id).length, 1);
  const rows = await contexts(local.sql, path);
  assert.deepEqual(rows.map((row) => row.sandbox_status), ["ready"]);
});

Deno.test("ten parallel executions on a new path share one kernel", async () => {
  const client = await user(local.stack);
  const path = newPath();
  const code = "runs = globals().get('runs', 0) + 1\nruns";
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => invoke(client, "execute-code", { ...path, code })),
  );

  const counts = answers.map((answer) => Number(answer.execution.results[0].text)).sort((a, b) => a - b);
  assert.deepEqual(counts, Array.from({ length: 10 }, (_, index) => index + 1));
  assert.equal((await contexts(local.sql, path)).length, 1);
});

Deno.test("create, expire, recreate on one path, again and again", async () => {
  const client = await user(local.stack);
  const path = newPath();
  let last = await invoke(client, "acquire-context", path);
  for (let life = 2; life <= 4; life++) {
    await reachDeadline(local.sql, path);
    const next = await invoke(client, "acquire-context", path);
    assert.notEqual(next.context.id, last.context.id);
    assert.equal(next.was_created, true);
    assert.equal(next.previous?.termination_reason, "expired");
    last = next;
  }
  const rows = await contexts(local.sql, path);
  assert.deepEqual(rows.map((row) => row.termination_reason), ["expired", "expired", "expired", null]);
});

Deno.test("the schedule retires what is due, and the path works again", async () => {
  const client = await user(local.stack);
  const path = newPath();
  await invoke(client, "acquire-context", path);
  await reachDeadline(local.sql, path);
  await local.sql`select copilot_internal.expire_execution_contexts()`;
  const [row] = await contexts(local.sql, path);
  assert.equal(row.termination_reason, "expired");

  const next = await invoke(client, "acquire-context", path);
  assert.equal(next.previous?.termination_reason, "expired");
});

Deno.test("a sandbox that was killed behind our back is replaced, and the caller is told", async () => {
  const client = await user(local.stack);
  const path = newPath();
  const first = await invoke(client, "acquire-context", path);
  await killBehindOurBack(providerOf(local.stack), first.context.id);

  const next = await invoke(client, "acquire-context", path);
  assert.notEqual(next.context.id, first.context.id);
  assert.equal(next.was_created, true);
  assert.equal(next.previous?.termination_reason, "sandbox_lost");
  // Whoever asks next learns it too: the answer that said so may have been lost on its way.
  const later = await invoke(client, "acquire-context", path);
  assert.equal(later.context.id, next.context.id);
  assert.deepEqual(later.previous, next.previous);
});

Deno.test("paths, conversations and tenants do not share contexts", async () => {
  const [one, two] = [await user(local.stack), await user(local.stack)];
  const path = newPath();
  const answers = [
    await invoke(one, "acquire-context", path),
    await invoke(one, "acquire-context", { ...path, path_id: "branch" }),
    await invoke(one, "acquire-context", newPath()),
    await invoke(two, "acquire-context", path),
  ];
  assert.equal(new Set(answers.map((answer) => answer.context.id)).size, 4);
});

Deno.test("a user and a service for their tenant share a context", async () => {
  const tenant = `tenant-${crypto.randomUUID()}`;
  const client = await user(local.stack, tenant);
  const path = newPath();
  const first = await invoke(client, "acquire-context", path);
  const second = await invoke(service(local.stack), "acquire-context", { ...path, tenant_id: tenant });
  assert.equal(second.context.id, first.context.id);
});

Deno.test("ttl_seconds is the context's idle time from then on, and only moves the deadline later", async () => {
  const client = await user(local.stack);
  const path = newPath();
  const long = await invoke(client, "acquire-context", { ...path, ttl_seconds: 3600 });
  assert.equal(long.context.ttl_seconds, 3600);
  const kept = await invoke(client, "acquire-context", path);
  assert.equal(kept.context.ttl_seconds, 3600);
  const short = await invoke(client, "acquire-context", { ...path, ttl_seconds: 60 });
  assert.equal(short.context.ttl_seconds, 60);
  assert(Date.parse(short.context.expires_at) >= Date.parse(kept.context.expires_at));
});

Deno.test("ttl_seconds over the settings' most is refused", async () => {
  const client = await user(local.stack);
  const path = newPath();
  const answer = await refused(client, "acquire-context", { ...path, ttl_seconds: 3601 });
  assert.equal(answer.status, 400);
  assert.equal(answer.body.field, "ttl_seconds");
  assert.equal((await contexts(local.sql, path)).length, 0);
});
