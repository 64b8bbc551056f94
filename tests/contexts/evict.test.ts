/** At a conversation's quota, a new path can take the place of the one that has been idle longest, if the caller says so. */
import assert from "node:assert/strict";
import { invoke, refused, user } from "../support/clients.ts";
import { stream } from "../support/event_stream.ts";
import { answer, at, leaksNothing, quick, useFaultyStack } from "../support/faulty_stack.ts";
import { ownership } from "../support/settle.ts";

const QUOTA = 2;
const evict = "least_recently_used";
const faulty = useFaultyStack({ functions: 2, env: { CONVERSATION_QUOTA: String(QUOTA) } });

/** A conversation whose paths `0`, `1` … hold all places; the first one has been idle longest. */
async function full() {
  const client = await user(faulty.stack);
  const conversation_id = `conversation-${crypto.randomUUID()}`;
  const path = (number: number) => ({ conversation_id, path_id: String(number) });
  const held = [];
  for (let number = 0; number < QUOTA; number++) held.push(await invoke(client, "acquire-context", path(number)));
  return { client, path, held };
}

Deno.test("the path that was idle longest ends, its sandbox is killed first, and its next caller is told", async () => {
  const { client, path, held } = await full();
  // Used again, so that the other one is older.
  await invoke(client, "acquire-context", path(0));
  assert.equal((await refused(client, "acquire-context", path(2))).body.code, "quota_exceeded");
  const { was_created, state_id } = await invoke(client, "acquire-context", { ...path(2), evict });
  assert.equal(was_created, true);
  assert.equal((await ownership(faulty.provider, faulty.sql, path(0).conversation_id)).alive.length, QUOTA);
  assert.equal((await invoke(client, "acquire-context", path(0))).context.id, held[0].context.id);
  const back = await invoke(client, "acquire-context", { ...path(1), evict, expects: held[1].state_id });
  assert.equal(back.previous?.termination_reason, "evicted");
  assert.equal(back.lost?.reason, "evicted");
  assert.equal(
    (await invoke(client, "acquire-context", { ...path(2), evict, expects: state_id })).lost?.reason,
    "evicted",
  );
  await leaksNothing(faulty, path(0));
});

Deno.test("a path that runs is never ended", async () => {
  const { client, path } = await full();
  const code = "console.log('begun'); await new Promise((resolve) => globalThis.go = resolve)";
  const streams = [];
  for (let number = 0; number < QUOTA; number++) {
    const events = await stream(client, { ...path(number), ...quick, code });
    await events.until("stdout");
    streams.push(events);
  }
  assert.equal(
    (await refused(client, "execute-code", { ...path(2), ...quick, code: "1", evict })).body.code,
    "quota_exceeded",
  );
  for (const events of streams) await events.cancel();
});

Deno.test("a kill that fails is tried again, and costs no second path its variables", async () => {
  const { client, path, held } = await full();
  const fault = faulty.proxy.intercept(at.kill, answer(500));
  assert.equal((await invoke(client, "acquire-context", { ...path(2), evict })).was_created, true);
  assert.equal(fault.left(), 0);
  assert.equal((await invoke(client, "acquire-context", path(1))).context.id, held[1].context.id);
  await leaksNothing(faulty, path(0));
});

Deno.test("of twenty at once on one new path, one path is ended and one sandbox created", async () => {
  const { client, path, held } = await full();
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => invoke(client, "acquire-context", { ...path(2), evict })),
  );
  assert.equal(new Set(answers.map(({ context }) => context.id)).size, 1);
  assert.equal(answers.filter(({ was_created }) => was_created).length, 1);
  assert.equal((await invoke(client, "acquire-context", path(1))).context.id, held[1].context.id);
  assert.equal((await ownership(faulty.provider, faulty.sql, path(0).conversation_id)).alive.length, QUOTA);
});

Deno.test("the tenant's quota is not got around", async () => {
  const client = await user(faulty.stack);
  for (let number = 0; number < 10; number++) {
    await invoke(client, "acquire-context", { conversation_id: `conversation-${number}`, path_id: "main" });
  }
  const path = { conversation_id: "another", path_id: "main", evict };
  const { body } = await refused(client, "acquire-context", path);
  assert.deepEqual([body.code, body.scope], ["quota_exceeded", "tenant"]);
});

Deno.test("a path whose run has just been answered is not busy for want of the note of its end", async () => {
  const { client, path } = await full();
  for (const number of [0, 1]) await invoke(client, "execute-code", { ...path(number), ...quick, code: "1" });
  faulty.database.intercept(at.finish, { kind: "delay", milliseconds: 30 }, 2);
  await Promise.all([0, 1].map((number) => invoke(client, "execute-code", { ...path(number), ...quick, code: "2" })));
  assert.equal((await invoke(client, "acquire-context", { ...path(2), evict })).was_created, true);
  await leaksNothing(faulty, path(0));
});
