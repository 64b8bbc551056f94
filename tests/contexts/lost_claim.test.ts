/** Holders of claims that come late, fail or vanish: one sandbox lives in the end, and nobody is stuck. */
import assert from "node:assert/strict";
import type { ErrorBody } from "../../supabase/functions/_shared/contract/error.ts";
import { invoke, newPath, refused, user } from "../support/clients.ts";
import { answer, at, useFaultyStack } from "../support/faulty_stack.ts";
import { contexts, reachDeadline } from "../support/rows.ts";
import { deadlinesMoved, eventually } from "../support/settle.ts";

const faulty = useFaultyStack({ functions: 2 });

function sandboxesOf(ids: string[]) {
  return faulty.provider.sandboxes().filter((sandbox) => ids.includes(sandbox.metadata.context_id));
}

Deno.test("a claim that is lost while its sandbox is being created kills that sandbox and adopts the winner's", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const held = faulty.proxy.intercept(at.create, { kind: "hold_answer" });
  const late = invoke(client, "acquire-context", path);
  await held.reached();
  await reachDeadline(faulty.sql, path);
  const winner = await invoke(client, "acquire-context", path);
  held.release();

  const adopted = await late;
  assert.equal(adopted.context.id, winner.context.id);
  assert.deepEqual([winner.was_created, adopted.was_created], [true, false]);
  const rows = await contexts(faulty.sql, path);
  assert.deepEqual(rows.map((row) => row.termination_reason), ["abandoned", null]);
  const sandboxes = sandboxesOf(rows.map((row) => row.id));
  assert.equal(sandboxes.length, 2);
  assert.deepEqual(
    sandboxes.filter((sandbox) => sandbox.ended === null).map((sandbox) => sandbox.metadata.context_id),
    [winner.context.id],
  );
});

Deno.test("callers who wait for a claim take over when its create fails", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const held = faulty.proxy.intercept(at.create, { kind: "answer", status: 500, hold: true });
  const first = refused(client, "acquire-context", path);
  await held.reached();
  const waiting = invoke(client, "acquire-context", path);
  held.release();

  assert.equal((await first).body.code, "sandbox_unavailable");
  assert.equal((await waiting).was_created, true);
  const rows = await contexts(faulty.sql, path);
  assert.deepEqual(rows.map((row) => row.termination_reason), ["create_failed", null]);
  assert.equal(sandboxesOf(rows.map((row) => row.id)).length, 1);
});

Deno.test("an error of the provider is told, retryable, and leaves the path free", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  faulty.proxy.intercept(at.create, { kind: "answer", status: 503, body: { code: 503, message: "no capacity" } });
  const answer = await refused(client, "acquire-context", path);
  assert.equal(answer.status, 503);
  assert.equal(answer.body.code, "sandbox_unavailable");
  assert.equal(answer.body.retryable, true);
  assert.equal(answer.headers.get("Retry-After"), "2");
  const [row] = await contexts(faulty.sql, path);
  assert.deepEqual([row.sandbox_status, row.termination_reason], ["error", "create_failed"]);

  const next = await invoke(client, "acquire-context", path);
  assert.equal(next.was_created, true);
});

Deno.test("only E2B's own word ends a context: a hiccup on connect leaves it as it is", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const { context } = await invoke(client, "acquire-context", path);
  await deadlinesMoved(faulty.sql, path);
  for (const status of [429, 500, 502, 503, 504]) {
    faulty.proxy.intercept(at.connect, {
      kind: "answer",
      status,
      body: { code: status, message: "injected" },
    });
    const answer = await refused(client, "acquire-context", path);
    assert.equal(answer.body.retryable, true, `after ${status}`);
  }
  // Twice: a connect without an answer is sent once more.
  faulty.proxy.intercept(at.connect, { kind: "drop", when: "before" }, 2);
  assert.equal((await refused(client, "acquire-context", path)).body.retryable, true);
  assert.equal((await invoke(client, "acquire-context", path)).context.id, context.id);
});

Deno.test("a sandbox is born on probation and extended once its context is committed", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const held = faulty.proxy.intercept(at.connect, { kind: "hold" });
  // Nobody waits for that.
  const { context } = await invoke(client, "acquire-context", path);
  await held.reached();
  const [row] = await contexts(faulty.sql, path);
  assert.equal(row.sandbox_status, "ready");
  const life = () => {
    const [sandbox] = sandboxesOf([context.id]);
    return sandbox.endAt.getTime() - sandbox.startedAt.getTime();
  };
  // The two are taken one after the other, and may be a millisecond apart.
  assert(life() < 91_000);
  held.release();
  await eventually("it lives as long as its context", () => life() > 1_700_000);
});

Deno.test("a claim that is terminated while its sandbox is being created leaves no sandbox", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const held = faulty.proxy.intercept(at.create, { kind: "hold_answer" });
  const acquiring = refused(client, "acquire-context", path);
  await held.reached();
  assert.deepEqual(await invoke(client, "terminate-context", path), { terminated: 1 });
  held.release();
  const answer = await acquiring;
  assert.equal(answer.body.code, "context_busy");
  assert.equal(answer.body.retryable, true);
  const rows = await contexts(faulty.sql, path);
  assert.equal(sandboxesOf(rows.map((row) => row.id)).filter((sandbox) => sandbox.ended === null).length, 0);
});

Deno.test("an error that trying again cannot mend is told to all who wait, after one create", async () => {
  const client = await user(faulty.stack);
  for (const [status, code] of [[429, "rate_limited"], [401, "misconfigured"]] as const) {
    const path = newPath();
    const before = faulty.proxy.requests.filter(at.create).length;
    const held = faulty.proxy.intercept(at.create, { ...answer(status, { "Retry-After": "7" }), hold: true });
    // If waiters tried for themselves, they would meet no fault, and succeed.
    const first = client.functions.invoke("acquire-context", { body: path });
    await held.reached();
    const polled = faulty.database.intercept(at.claim, { kind: "hold_answer" }, 5);
    const waiting = Array.from({ length: 5 }, () => client.functions.invoke("acquire-context", { body: path }));
    // Each of them has been told "pending" once the database has answered it.
    await eventually("five claims are answered", () => polled.served() === 5);
    polled.release();
    held.release();
    for (const { error, response } of await Promise.all([first, ...waiting])) {
      assert(error && response);
      const told: ErrorBody = await response.json();
      assert.equal(told.code, code);
      if (status === 429) assert.equal(response.headers.get("Retry-After"), "7");
    }
    assert.equal(faulty.proxy.requests.filter(at.create).length, before + 1);
  }
});
