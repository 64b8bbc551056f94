/** The way to a sandbox: what a caller waits for, what the row knows, and what is done where it knows wrong. */
import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { invoke, newPath, refused, user } from "../support/clients.ts";
import { stream } from "../support/event_stream.ts";
import { answer, at, leaksNothing, quick, useFaultyStack } from "../support/faulty_stack.ts";
import { quickEndless } from "../support/programs.ts";
import { alive, createdFor, killBehindOurBack } from "../support/provider.ts";
import type { Interception, RequestLine } from "../support/proxy.ts";
import { contexts } from "../support/rows.ts";
import { endsNoted, eventually } from "../support/settle.ts";

const faulty = useFaultyStack();

const COUNT = "var n = (globalThis.n ?? 0) + 1; n";

/** A path in use, whose row knows its sandbox, with nothing of it on its way. */
async function inUse() {
  const client = await user(faulty.stack);
  const path = newPath();
  const { context } = await invoke(client, "execute-code", { ...path, ...quick, code: COUNT });
  await endsNoted(faulty.sql, path);
  await eventually("its sandbox lives as long as it", async () => await secondsKnown(path) > 1_000);
  return { client, path, context, run: { ...path, ...quick, code: COUNT } };
}

/** For how long its row knows that a path's sandbox lives. */
async function secondsKnown({ conversation_id }: { readonly conversation_id: string }): Promise<number> {
  const [{ seconds }] = await faulty.sql`
    select extract(epoch from sandbox_deadline_at - clock_timestamp())::float8 as seconds
    from copilot_internal.execution_contexts
    where conversation_id = ${conversation_id} and terminated_at is null`;
  return seconds;
}

/** Makes the row know less: enough to begin a run, and so little that the deadline has to be moved beside it. */
async function comesToItsEnd({ conversation_id }: { readonly conversation_id: string }): Promise<void> {
  await faulty.sql`
    update copilot_internal.execution_contexts set sandbox_deadline_at = clock_timestamp() + interval '90 seconds'
    where conversation_id = ${conversation_id} and terminated_at is null`;
}

/** What opens a context's sandbox, asked of the provider itself. */
async function tokensOf(contextId: string): Promise<string[]> {
  const [{ sandboxId }] = createdFor(faulty.provider, contextId);
  const response = await fetch(`${faulty.provider.url}/v2/sandboxes/${sandboxId}/connect`, {
    method: "POST",
    headers: { "X-API-KEY": faulty.provider.apiKey },
    body: "{}",
  });
  const { envdAccessToken, trafficAccessToken } = await response.json();
  return [envdAccessToken, trafficAccessToken];
}

/**
 * Holds whatever is not one of these steps, at the database or at E2B, while `work` is done: so it waits for no other.
 * Returns those that were asked for, sorted.
 */
async function waitsOnlyFor(steps: readonly (keyof typeof at)[], work: () => Promise<unknown>): Promise<string[]> {
  const proxies = [faulty.database, faulty.proxy];
  const isOther = (line: RequestLine) => !steps.some((step) => at[step](line));
  const before = proxies.map(({ requests }) => requests.length);
  const held: Interception[] = proxies.map((proxy) => proxy.intercept(isOther, { kind: "hold" }, Infinity));
  try {
    await work();
    const asked = proxies.flatMap(({ requests }, index) => requests.slice(before[index]));
    return asked.flatMap((line) => steps.filter((step) => at[step](line))).sort();
  } finally {
    for (const { end, release } of held) {
      end();
      release();
    }
  }
}

Deno.test("a warm run waits for one call of the database and one of E2B, also where its sandbox's deadline is moved", async () => {
  const { client, path, run } = await inUse();
  await comesToItsEnd(path);
  const asked = await waitsOnlyFor(["claim", "execute"], async () => {
    const { execution } = await invoke(client, "execute-code", run);
    assert.equal(execution.results[0].text, "2");
  });
  assert.deepEqual(asked, ["claim", "execute"]);
  await endsNoted(faulty.sql, path);
  await eventually("the deadline has been moved", async () => await secondsKnown(path) > 1_000);
});

Deno.test("so does a stream, for its first output and for its end", async () => {
  const { client, path } = await inUse();
  const asked = await waitsOnlyFor(["claim", "execute"], async () => {
    const events = await stream(client, { ...path, ...quick, code: "console.log('out')" });
    await events.until("stdout");
    await events.until("end");
  });
  assert.deepEqual(asked, ["claim", "execute"]);
  await endsNoted(faulty.sql, path);
});

Deno.test("a new path waits for two calls of the database and one of E2B, and its first run for one of the kernel", async () => {
  const client = await user(faulty.stack);
  const [path, other] = [newPath(), newPath()];
  const acquired = await waitsOnlyFor(["claim", "create", "activate"], () => invoke(client, "acquire-context", path));
  assert.deepEqual(acquired, ["activate", "claim", "create"]);
  const ran = await waitsOnlyFor(
    ["claim", "create", "activate", "execute", "start"],
    () => invoke(client, "execute-code", { ...other, ...quick, code: "1" }),
  );
  assert.deepEqual(ran, ["activate", "claim", "create", "execute", "start"]);
  await endsNoted(faulty.sql, other);
  for (const one of [path, other]) {
    await eventually("probation has ended", async () => await secondsKnown(one) > 1_000);
  }
});

Deno.test("acquiring asks E2B: its answer says that the sandbox lives", async () => {
  const { client, path } = await inUse();
  const asked = await waitsOnlyFor(["claim", "connect"], () => invoke(client, "acquire-context", path));
  assert.deepEqual(asked, ["claim", "connect"]);
});

Deno.test("a copy of the database opens no sandbox: no row has a token in it, in no form", async () => {
  const { context } = await inUse();
  const [{ row, access }] = await faulty.sql`
    select to_json(c)::text as row, sandbox_access as access from copilot_internal.execution_contexts c
    where id = ${context.id}`;
  const tokens = await tokensOf(context.id);
  for (const token of tokens) {
    assert(token.length > 10);
    for (const form of [row, Buffer.from(access, "base64").toString("latin1")]) assert(!form.includes(token));
  }
});

Deno.test("nor does an answer that is kept", async () => {
  const { client, path, run } = await inUse();
  const { context } = await invoke(client, "execute-code", { ...run, idempotency_key: "kept" });
  const [{ sandbox_access }] = await faulty.sql`
    select sandbox_access from copilot_internal.execution_contexts where id = ${context.id}`;
  const [{ answer: kept }] = await faulty.sql`
    select answer::text from copilot_internal.idempotency_keys where conversation_id = ${path.conversation_id}`;
  assert(kept.includes(context.id) && !kept.includes(sandbox_access));
  await endsNoted(faulty.sql, path);
});

Deno.test("what cannot be read, because the account's key is another one, is asked for", async () => {
  const { client, path, context, run } = await inUse();
  const other = await inUse();
  await faulty.sql`
    update copilot_internal.execution_contexts c set sandbox_access = o.sandbox_access
    from copilot_internal.execution_contexts o where c.id = ${context.id} and o.id = ${other.context.id}`;
  const connect = faulty.proxy.intercept(at.connect, { kind: "delay", milliseconds: 0 });
  const next = await invoke(client, "execute-code", run);
  assert.deepEqual([next.context.id, next.execution.results[0].text, connect.left()], [context.id, "2", 0]);
  await endsNoted(faulty.sql, path);
});

Deno.test("a context that ends forgets what opened its sandbox", async () => {
  const { client, path, context } = await inUse();
  const access = async () => {
    const [row] = await faulty.sql`
      select sandbox_access from copilot_internal.execution_contexts where id = ${context.id}`;
    return row.sandbox_access;
  };
  assert.notEqual(await access(), null);
  await invoke(client, "terminate-context", path);
  assert.equal(await access(), null);
});

Deno.test("a sandbox that is gone is found out by the run itself, which gets another one, and is told", async () => {
  const { client, path, context, run } = await inUse();
  await killBehindOurBack(faulty.provider, context.id);
  const next = await invoke(client, "execute-code", run);
  assert.deepEqual([next.execution.results[0].text, next.was_created], ["1", true]);
  assert.notEqual(next.context.id, context.id);
  assert.equal(next.previous?.termination_reason, "sandbox_lost");
  const ids = (await contexts(faulty.sql, path)).map(({ id }) => id);
  assert.equal(ids.length, 2);
  const living = alive(faulty.provider).filter(({ metadata }) => ids.includes(metadata.context_id));
  assert.deepEqual(living.map(({ metadata }) => metadata.context_id), [next.context.id]);
  await endsNoted(faulty.sql, path);
  await leaksNothing(faulty, path);
});

Deno.test("tokens that open it no more are asked for anew, and the run goes on, once", async () => {
  const { client, path, context, run } = await inUse();
  const refusal = faulty.proxy.intercept(at.execute, answer(401));
  const connect = faulty.proxy.intercept(at.connect, { kind: "delay", milliseconds: 0 });
  const next = await invoke(client, "execute-code", run);
  assert.deepEqual([next.context.id, next.execution.results[0].text], [context.id, "2"]);
  assert.deepEqual([refusal.left(), connect.left()], [0, 0]);
  assert.equal(next.previous, null);
  await endsNoted(faulty.sql, path);
});

Deno.test("a sandbox that refuses fresh tokens too is an error, and runs nothing", async () => {
  const { client, path, run } = await inUse();
  const refusal = faulty.proxy.intercept(at.execute, answer(401), 2);
  const { body } = await refused(client, "execute-code", run);
  assert.deepEqual([body.code, body.retryable, refusal.left()], ["misconfigured", false, 0]);
  assert.equal((await invoke(client, "execute-code", run)).execution.results[0].text, "2");
  await endsNoted(faulty.sql, path);
});

Deno.test("where moving the deadline fails for a while it is tried again, beside the run", async () => {
  const { client, path, context } = await inUse();
  // As little as the row says, at the provider as well.
  await comesToItsEnd(path);
  const [{ sandboxId }] = createdFor(faulty.provider, context.id);
  const shorter = await fetch(`${faulty.provider.url}/sandboxes/${sandboxId}/timeout`, {
    method: "POST",
    headers: { "X-API-KEY": faulty.provider.apiKey },
    body: JSON.stringify({ timeout: 90 }),
  });
  assert.equal(shorter.status, 204);
  const life = () => createdFor(faulty.provider, context.id)[0].endAt.getTime() - Date.now();
  assert(life() < 100_000);
  const hiccups = faulty.proxy.intercept(at.connect, answer(503), 3);
  const events = await stream(client, { ...path, ...quick, code: quickEndless });
  await events.until("stdout");
  await eventually("the sandbox will outlive the run", () => life() > 1_000_000);
  assert.equal(hiccups.left(), 0);
  await events.cancel();
  await endsNoted(faulty.sql, path);
  // The run was not harmed, nor is the context.
  assert.equal((await invoke(client, "acquire-context", path)).context.id, context.id);
});

Deno.test("where moving the deadline finds the sandbox gone, the context ends, and the next caller is told", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const held = faulty.proxy.intercept(at.connect, { kind: "hold" });
  const { context } = await invoke(client, "acquire-context", path);
  await held.reached();
  await killBehindOurBack(faulty.provider, context.id);
  held.release();
  await eventually("its context has ended", async () => {
    const [row] = await contexts(faulty.sql, path);
    return row.termination_reason === "sandbox_lost" && row.sandbox_killed_at !== null;
  });
  const next = await invoke(client, "acquire-context", path);
  assert.notEqual(next.context.id, context.id);
  assert.deepEqual([next.was_created, next.previous?.termination_reason], [true, "sandbox_lost"]);
});

Deno.test("of many callers of a new path in one process one creates, and all are told", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const held = faulty.proxy.intercept(at.create, { kind: "hold" });
  const first = invoke(client, "acquire-context", path);
  await held.reached();
  const others = Array.from({ length: 20 }, () => invoke(client, "acquire-context", path));
  // A call that comes after them has come through: so have they.
  await invoke(client, "terminate-context", newPath());
  held.release();
  const answers = [await first, ...await Promise.all(others)];
  assert.equal(new Set(answers.map(({ context }) => context.id)).size, 1);
  assert.equal(answers.filter(({ was_created }) => was_created).length, 1);
  assert.equal(createdFor(faulty.provider, answers[0].context.id).length, 1);
});

Deno.test("a sandbox that has gone while runs were held back is asked for all the same", async () => {
  const { path, context, client, run } = await inUse();
  const held = faulty.proxy.intercept(at.execute, { kind: "hold" });
  const running = invoke(client, "execute-code", run);
  await held.reached();
  // As for an interrupt: the second attempt has to wait, and finds the same context ready.
  await faulty.sql`
    update copilot_internal.execution_contexts set held_until = clock_timestamp() + interval '1 second'
    where id = ${context.id}`;
  await killBehindOurBack(faulty.provider, context.id);
  held.release();
  const answer = await running;
  assert.deepEqual([answer.was_created, answer.previous?.termination_reason], [true, "sandbox_lost"]);
  await leaksNothing(faulty, path);
});
