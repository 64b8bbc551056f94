/** For which notes the answer of a run waits: only for that of its beginning, and only where its kernel may be a new one. */
import assert from "node:assert/strict";
import { ExecutionStore, type State } from "../../supabase/functions/_shared/executions/execution_store.ts";
import { KeyStore } from "../../supabase/functions/_shared/executions/key_store.ts";
import { RunRecord } from "../../supabase/functions/_shared/executions/run_record.ts";
import { settled } from "../support/fake_time.ts";

const ENTRY = { executionId: "e", contextId: "c", claimedAt: "now", language: "python" as const };
const FOUND: State = {
  state_id: crypto.randomUUID(),
  previous_termination_reason: "kernel_restarted",
  previous_terminated_at: "now",
};

/**
 * The record of a run whose beginning is being noted, as number `count`, in a kernel of which `kernelCount` is known, for
 * `since` milliseconds.
 */
function begun(count: number | null, kernelCount: number | null, since = 0) {
  const noting = Promise.withResolvers<State>();
  const steps: string[] = [];
  const executions: ExecutionStore = Object.assign(Object.create(ExecutionStore.prototype), {
    start: () => (steps.push("start"), noting.promise),
    finish: () => (steps.push("finish"), Promise.resolve(true)),
    noteKernelRestart: () => Promise.resolve(crypto.randomUUID()),
  });
  const keys: KeyStore = Object.create(KeyStore.prototype);
  const record = new RunRecord(
    { executions, keys, answerBy: Infinity, ending: new AbortController().signal },
    ENTRY,
    1_000,
    false,
    { kernelCount, knownSince: performance.now() - since },
  );
  record.begin(count);
  let hasFound = false;
  const look = () => record.found().finally(() => hasFound = true);
  return { record, steps, look, hasFound: () => hasFound, note: () => noting.resolve(FOUND) };
}

Deno.test("a number that is higher than the last one is the same kernel's: nothing is waited for", async () => {
  const { look, note, record, steps } = begun(8, 7);
  assert.equal(await look(), undefined);
  const end = { status: "ok", duration: 1, outputBytes: 0, errorName: null } as const;
  await record.end(end);
  // The end, which would write the row without a number, comes after the beginning all the same.
  await settled();
  assert.deepEqual(steps, ["start"]);
  note();
  await settled();
  assert.deepEqual(steps, ["start", "finish"]);
});

for (
  const [what, count, kernelCount] of [
    ["one that was given before", 7, 7],
    ["a lower one", 1, 7],
    ["one where none is known, or others may have had the kernel meanwhile", 8, null],
    ["none", null, 7],
  ] as const
) {
  Deno.test(`${what} is looked up before the answer`, async () => {
    const { look, hasFound, note } = begun(count, kernelCount);
    const looking = look();
    await settled();
    assert(!hasFound());
    note();
    assert.deepEqual(await looking, FOUND);
  });
}

Deno.test("a higher number long after the claim is looked up: others may have cost the kernel, and counted on", async () => {
  const { look, hasFound, note } = begun(8, 7, 1_000);
  const looking = look();
  await settled();
  assert(!hasFound());
  note();
  assert.deepEqual(await looking, FOUND);
});

Deno.test("a run that has cost its kernel waits: noted later, its number would be taken for the new one's", async () => {
  const { record, look, hasFound, note } = begun(8, 7);
  await record.restart();
  const looking = look();
  await settled();
  assert(!hasFound());
  note();
  assert.deepEqual(await looking, FOUND);
});
