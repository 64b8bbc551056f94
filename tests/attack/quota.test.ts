/** However a tenant goes about it, no more of its sandboxes are alive at once than its quota allows. */
import assert from "node:assert/strict";
import type { SupabaseClient } from "@supabase/supabase-js";
import type { ErrorBody } from "../../supabase/functions/_shared/contract/error.ts";
import { invoke, newPath, refused, user } from "../support/clients.ts";
import { at, useFaultyStack } from "../support/faulty_stack.ts";
import { eventually } from "../support/settle.ts";

const QUOTA = 3;
const faulty = useFaultyStack({
  functions: 2,
  env: { TENANT_QUOTA: String(QUOTA), TENANT_CREATES_PER_MINUTE: "12", TENANT_EXECUTIONS_PER_MINUTE: "8" },
});

const alive = () => faulty.provider.sandboxes().filter(({ ended }) => ended === null).length;

/** Calls as often as it is said, and returns the codes of the refusals. */
async function attempt(times: number, call: (index: number) => ReturnType<SupabaseClient["functions"]["invoke"]>) {
  const codes: string[] = [];
  for (let index = 0; index < times; index++) {
    const { error, response } = await call(index);
    if (!error) continue;
    assert(response);
    const told: ErrorBody = await response.json();
    assert.equal(told.retryable, told.code !== "quota_exceeded", JSON.stringify(told));
    assert(Number(response.headers.get("Retry-After")) >= 1, JSON.stringify(told));
    codes.push(told.code);
  }
  return codes;
}

/** A tenant's calls, which say when to look how many of its sandboxes are alive. Returns the most that there were. */
async function besieged(work: (client: SupabaseClient, look: () => void) => Promise<void>): Promise<number> {
  const before = alive();
  let most = 0;
  await work(await user(faulty.stack), () => most = Math.max(most, alive() - before));
  // Others are served all the same.
  assert.equal((await invoke(await user(faulty.stack), "acquire-context", newPath())).was_created, true);
  return most;
}

Deno.test("contexts that stand idle for a second only hold their places while their sandboxes live", async () => {
  const most = await besieged(async (client, look) => {
    const expire = async (path: { conversation_id: string }) => {
      await faulty.sql`
        update copilot_internal.execution_contexts set expires_at = clock_timestamp()
        where conversation_id = ${path.conversation_id} and terminated_at is null`;
    };
    const one = newPath();
    const codes = await attempt(10, async (index) => {
      // On paths of their own, and on the same one again and again.
      const path = index % 2 === 0 ? newPath() : one;
      const answer = await client.functions.invoke("acquire-context", { body: { ...path, ttl_seconds: 1 } });
      // As when the second is over.
      await expire(path);
      look();
      return answer;
    });
    // A place is free again when a sweep in passing has killed what is due.
    assert(codes.length > 0);
    assert.deepEqual([...new Set(codes)], ["quota_exceeded"]);
  });
  assert.equal(most, QUOTA);
});

Deno.test("claims that are ended in flight hold their places until their sandboxes are gone", async () => {
  const held = faulty.proxy.intercept(at.create, { kind: "hold_answer" }, Infinity);
  const path = newPath();
  const calls: Promise<unknown>[] = [];
  const most = await besieged(async (client, look) => {
    for (let index = 0; index < QUOTA; index++) {
      calls.push(client.functions.invoke("acquire-context", { body: path }));
      await eventually("its sandbox is being created", () => held.served() === index + 1);
      assert.equal((await invoke(client, "terminate-context", path)).terminated, 1);
    }
    held.end();
    const codes = await attempt(5, () => client.functions.invoke("acquire-context", { body: path }));
    assert.deepEqual([...new Set(codes)], ["quota_exceeded"]);
    look();
  });
  assert.equal(most, QUOTA);
  // Who finds its claim ended kills what it has made, and the places are free.
  held.release();
  await Promise.all(calls);
});

Deno.test("creates have a rate, though each sandbox is ended at once", async () => {
  const before = faulty.proxy.requests.filter(at.create).length;
  const client = await user(faulty.stack);
  const codes = await attempt(20, async () => {
    const path = newPath();
    const answer = await client.functions.invoke("acquire-context", { body: path });
    if (!answer.error) await invoke(client, "terminate-context", path);
    return answer;
  });
  assert(codes.length > 0);
  assert.deepEqual([...new Set(codes)], ["rate_limited"]);
  assert.equal(faulty.proxy.requests.filter(at.create).length - before, 20 - codes.length);
});

Deno.test("simultaneous callers of one path spend one create, whatever their number", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const answers = await Promise.all(Array.from({ length: 30 }, () => invoke(client, "acquire-context", path)));
  assert.equal(answers.filter(({ was_created }) => was_created).length, 1);
  assert.equal((await invoke(client, "acquire-context", newPath())).was_created, true);
});

Deno.test("executions have a rate, and what is refused runs nothing", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const code = "globalThis.runs = (globalThis.runs ?? 0) + 1";
  let ran = 0;
  const codes = await attempt(16, async () => {
    const answer = await client.functions.invoke("execute-code", { body: { ...path, code, language: "javascript" } });
    if (!answer.error) ran = Number(answer.data.execution.results[0].text);
    return answer;
  });
  assert.deepEqual([...new Set(codes)], ["rate_limited"]);
  assert.equal(ran, 16 - codes.length);
  const told = await refused(client, "execute-code", { ...path, code, language: "javascript" });
  assert.match(told.body.message, /8 executions a minute/);
  // What is no execution is served.
  assert.equal((await invoke(client, "acquire-context", path)).was_created, false);
});

Deno.test("claims that came to nothing leave no rows for long", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  faulty.proxy.intercept(at.create, { kind: "answer", status: 429 });
  await refused(client, "acquire-context", path);
  const rows = async () =>
    (await faulty.sql`
      select id from copilot_internal.execution_contexts where conversation_id = ${path.conversation_id}`).length;
  assert.equal(await rows(), 1);
  await faulty.sql`select copilot_internal.delete_failed_claims()`;
  assert.equal(await rows(), 1, "those who wait for it are told of it");
  await faulty.sql`
    update copilot_internal.execution_contexts
    set terminated_at = terminated_at - interval '10 minutes', may_live_until = may_live_until - interval '10 minutes'
    where conversation_id = ${path.conversation_id}`;
  await faulty.sql`select copilot_internal.delete_failed_claims()`;
  assert.equal(await rows(), 0);
});
