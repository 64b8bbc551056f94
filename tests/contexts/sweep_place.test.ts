/** A sweep goes on where the last one ended, so that an orphan is found however many sandboxes are older, and notes its end. */
import { createClient } from "@supabase/supabase-js";
import { Sandbox } from "e2b";
import assert from "node:assert/strict";
import { readConfig } from "../../supabase/functions/_shared/config.ts";
import { ContextStore } from "../../supabase/functions/_shared/contexts/context_store.ts";
import { sweep } from "../../supabase/functions/_shared/contexts/sweep.ts";
import { Rpc } from "../../supabase/functions/_shared/database/rpc.ts";
import { Sandboxes } from "../../supabase/functions/_shared/sandbox/sandboxes.ts";
import { Trace } from "../../supabase/functions/_shared/trace.ts";
import { invoke, newPath, user } from "../support/clients.ts";
import { at, useFaultyStack } from "../support/faulty_stack.ts";
import { eventually } from "../support/settle.ts";

const faulty = useFaultyStack();

/** As many as two pages of E2B's list have. */
const OLDER = 200;

/** A sweep that reads one page, as requests do it in passing; in a process of its own, which knows of no other. */
function sweepOnePage({ isNoted = false } = {}) {
  const { stack, provider, proxy } = faulty;
  const trace = new Trace(new Request("http://localhost"));
  const answerBy = performance.now() + 60_000;
  const config = readConfig({
    E2B_API_KEY: provider.apiKey,
    E2B_API_URL: proxy.url,
    // A sandbox of a second is old.
    CONTEXT_LEASE_SECONDS: "1",
    SANDBOX_PROBATION_SECONDS: "1",
  });
  const client = createClient(stack.apiUrl, stack.secretKey, { auth: { persistSession: false } });
  const call = {
    config,
    answerBy,
    ending: new AbortController().signal,
    store: new ContextStore(new Rpc(client, trace, answerBy)),
    sandboxes: new Sandboxes(config, trace),
  };
  return sweep(call, { rows: 10, untilDone: false, pages: 1, isNoted });
}

Deno.test("an orphan behind two pages of others' sandboxes is found by the third sweep, or soon after", async () => {
  const options = { apiUrl: faulty.provider.url, apiKey: faulty.provider.apiKey, validateApiKey: false };
  const ours = { made_by: "execution-contexts" };
  for (let made = 0; made < OLDER; made += 20) {
    await Promise.all(
      Array.from(
        { length: 20 },
        () => Sandbox.create({ ...options, metadata: { ...ours, context_id: crypto.randomUUID() } }),
      ),
    );
  }
  const { context } = await invoke(await user(faulty.stack), "acquire-context", newPath());
  const orphan = await Sandbox.create({ ...options, metadata: { ...ours, context_id: context.id } });
  const lives = () =>
    faulty.provider.sandboxes().some((one) => one.sandboxId === orphan.sandboxId && one.ended === null);

  await eventually("the orphan is found", async () => {
    await sweepOnePage();
    return !lives();
  });
  assert.equal(faulty.provider.sandboxes().filter(({ ended }) => ended === null).length, OLDER + 1);
});

Deno.test("a place that E2B does not know any more is the list's beginning", async () => {
  await faulty.sql`update copilot_internal.sweep_place set page_token = 'of yesterday'`;
  const refusals = faulty.proxy.intercept(
    ({ path }) => path.includes("nextToken=of"),
    { kind: "answer", status: 400 },
  );
  await sweepOnePage();
  assert.equal(refusals.left(), 0);
  const [{ page_token }] = await faulty.sql`select page_token from copilot_internal.sweep_place`;
  assert.notEqual(page_token, "of yesterday");
});

Deno.test("a sweep notes its end if it is to be noted and comes to it", async () => {
  const sweptAt = async () => (await faulty.sql`select swept_at from copilot_internal.sweep_place`)[0].swept_at;
  await faulty.sql`update copilot_internal.sweep_place set swept_at = null`;
  await sweepOnePage();
  assert.equal(await sweptAt(), null, "one in passing");
  const refusals = faulty.proxy.intercept(at.list, { kind: "answer", status: 500 }, Infinity);
  await assert.rejects(sweepOnePage({ isNoted: true }), { code: "sandbox_unavailable" });
  refusals.end();
  assert.equal(await sweptAt(), null, "one that could not ask for E2B's list");
  await sweepOnePage({ isNoted: true });
  assert(await sweptAt() instanceof Date);
});
