/** Each request that execute-code sends for files, an idempotency key or a run cut short meets each fault once. */
import assert from "node:assert/strict";
import type { SupabaseClient } from "@supabase/supabase-js";
import { invoke, newPath, user } from "../support/clients.ts";
import { answer, at, faults, impatient, leaksNothing, quick, useFaultyStack } from "../support/faulty_stack.ts";
import { BEGUN_BY_MILLISECONDS } from "../support/programs.ts";
import type { Fault, RequestLine } from "../support/proxy.ts";
import { ask, askOn, type Told } from "../support/repeats.ts";
import { contexts } from "../support/rows.ts";
import { eventually } from "../support/settle.ts";

const faulty = useFaultyStack({ env: impatient.env });

interface Step {
  readonly where: "proxy" | "database";
  readonly at: (request: RequestLine) => boolean;
  /** What the run meets at the provider before. */
  readonly first?: { readonly at: Step["at"]; readonly fault: Fault };
  /** Whether the caller is told of a fault. Of others the run makes nothing, or tries again by itself. */
  readonly isTold: (fault: string) => boolean;
  /** Whether nobody knows after a fault what became of the run, so that a repeat must not be one. */
  readonly isLost?: (fault: string) => boolean;
  /** Whether the code never comes to the kernel. */
  readonly unsent?: boolean;
  readonly faults?: readonly string[];
}
/** For what takes its time. */
const few = ["401", "503", "a connection that breaks after"];
const all = () => true;
const none = () => false;
/** The database refuses the key: trying again would not mend that. */
const refused = (fault: string) => fault === "401";
const refusal = answer(503);
const steps: Record<string, Step> = {
  // By these the sandbox is gone, or not opened by what its row knows, so it is asked for again.
  upload: { where: "proxy", at: at.upload, isTold: (fault) => !["401", "502"].includes(fault) },
  download: { where: "proxy", at: at.download, isTold: none },
  "claim of the key": { where: "database", at: at.claimKey, isTold: refused },
  "note that its code is sent": { where: "database", at: at.send, isTold: refused },
  "keeping of the answer": { where: "database", at: at.keepAnswer, isTold: none, isLost: refused },
  "release of the key of what was not sent": {
    where: "database",
    at: at.releaseKey,
    first: { at: at.upload, fault: refusal },
    isTold: all,
  },
  "release of the key of what was refused": {
    where: "database",
    at: at.releaseKey,
    first: { at: at.execute, fault: refusal },
    isTold: all,
    isLost: refused,
  },
  "question whether the kernel is in use": {
    where: "database",
    at: at.inUse,
    // It does not come to its kernel in time.
    first: { at: at.execute, fault: { ...refusal, hold: true } },
    isTold: none,
    unsent: true,
    faults: few,
  },
};

for (const [stepName, step] of Object.entries(steps)) {
  Deno.test(`${stepName} meets ${step.faults ? "a" : "each"} fault`, async (t) => {
    const client = await user(faulty.stack);
    const path = newPath();
    const { context } = await invoke(client, "execute-code", { ...path, ...quick, code: "var runs = 0" });
    for (const faultName of step.faults ?? Object.keys(faults)) {
      await t.step(faultName, async () => {
        const fault = faults[faultName];
        await invoke(client, "execute-code", { ...path, ...quick, code: "var runs = 0" });
        const body = keyed(path, step.unsent ? { timeout_ms: BEGUN_BY_MILLISECONDS } : {});
        const first = step.first && faulty.proxy.intercept(step.first.at, step.first.fault);
        // Twice, because Deno's fetch may try again by itself when a kept-alive connection breaks.
        const times = fault.kind === "drop" ? 2 : 1;
        const interception = faulty[step.where].intercept(step.at, fault, times);
        const told = await ask(client, body);
        assert(interception.left() < times);
        interception.end();
        first?.release();
        first?.end();
        const isTold = step.isTold(faultName);
        assert.equal(told.how, isTold ? "failed" : "ran", JSON.stringify(told));

        const again = await askOn(client, body);
        const isLost = step.isLost?.(faultName) ?? false;
        assert.equal(again.how, isLost ? "lost" : isTold ? "ran" : "replayed", JSON.stringify(again));
        if (again.how === "replayed") assert.deepEqual(again, { ...told, how: "replayed" });
        await assertRuns(client, path, step.unsent || (isTold && isLost) ? 0 : 1);
        if (step.at === at.download) assert.deepEqual(outputs(told), ["unavailable"]);
        else if (!isLost && !step.unsent) assert.deepEqual(outputs(again), ["ok"]);
      });
    }
    await assertSame(client, path, context.id);
  });
}

Deno.test("a claim on a key whose renewal meets a fault once is still honoured", async (t) => {
  const client = await user(faulty.stack);
  const path = newPath();
  const { context } = await invoke(client, "execute-code", { ...path, ...quick, code: "var runs = 0" });
  for (const faultName of few) {
    await t.step(faultName, async () => {
      await invoke(client, "execute-code", { ...path, ...quick, code: "var runs = 0" });
      const body = keyed(path);
      const running = faulty.proxy.intercept(at.execute, { kind: "hold" });
      const interception = faulty.database.intercept(at.keepKey, faults[faultName]);
      const told = ask(client, body);
      await interception.reached();
      const seen = faulty.database.requests.filter(at.keepKey).length;
      await eventually("it is renewed all the same", () => faulty.database.requests.filter(at.keepKey).length > seen);
      const attached = faulty.database.intercept(at.claimKey, { kind: "hold_answer" });
      const again = ask(client, body);
      await attached.reached();
      attached.release();
      running.release();
      assert.equal((await told).how, "ran");
      assert.equal((await again).how, "replayed");
      await assertRuns(client, path, 1);
    });
  }
  await assertSame(client, path, context.id);
});

Deno.test("a claim on a key that cannot be renewed lapses, and its run is not run again", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  await invoke(client, "execute-code", { ...path, ...quick, code: "var runs = 0" });
  const body = keyed(path);
  const running = faulty.proxy.intercept(at.execute, { kind: "hold" });
  const interception = faulty.database.intercept(at.keepKey, refusal, Infinity);
  const told = ask(client, body);
  await running.reached();
  assert.equal((await askOn(client, body)).how, "lost");
  running.release();
  assert.equal((await told).how, "ran");
  interception.end();
  assert.equal((await askOn(client, body)).how, "replayed");
  await assertRuns(client, path, 1);
});

Deno.test("note of a crashed kernel meets a fault", async (t) => {
  const client = await user(faulty.stack);
  const path = newPath();
  const { context } = await invoke(client, "execute-code", { ...path, ...quick, code: "var kept = 1" });
  for (const faultName of few) {
    await t.step(faultName, async () => {
      const fault = faults[faultName];
      const before = await invoke(client, "execute-code", { ...path, ...quick, code: "var kept = 1" });
      const times = fault.kind === "drop" ? 2 : 1;
      const interception = faulty.database.intercept(at.noteRestart, fault, times);
      const body = { ...path, ...quick, code: "Deno.exit(1)", idempotency_key: crypto.randomUUID() };
      const told = await ask(client, body);
      assert(interception.left() < times);
      interception.end();
      assert(told.how === "ran" && told.execution.kernel_restarted);
      const again = await askOn(client, body);
      assert.deepEqual(again, { ...told, how: "replayed" });

      const after = await invoke(client, "execute-code", { ...path, ...quick, code: "'kept' in globalThis" });
      assert.equal(after.execution.results[0].text, "false");
      // A repeat that ran would have restarted it again.
      assert.equal(after.execution.execution_count, 1);
      // Where it could not be noted, the new kernel's first execution finds out.
      assert.equal(after.previous?.termination_reason, "kernel_restarted");
      assert.notEqual(after.previous?.terminated_at, before.previous?.terminated_at);
    });
  }
  await assertSame(client, path, context.id);
});

type Path = ReturnType<typeof newPath>;

function keyed(path: Path, more: Record<string, unknown> = {}): Record<string, unknown> {
  const files = { files: [{ path: "made", content: "" }], outputs: ["made"] };
  return { ...path, ...quick, ...files, code: "runs += 1\nruns", idempotency_key: crypto.randomUUID(), ...more };
}

function outputs(told: Told): string[] {
  assert("execution" in told, JSON.stringify(told));
  return told.execution.outputs.map(({ status }) => status);
}

/** How often the counter has counted, on a path that works. */
async function assertRuns(client: SupabaseClient, path: Path, runs: number): Promise<void> {
  const { execution } = await invoke(client, "execute-code", { ...path, ...quick, code: "runs" });
  assert.equal(execution.results[0].text, String(runs));
}

/** That no fault has ended the path's context, and none has left another sandbox. */
async function assertSame(client: SupabaseClient, path: Path, contextId: string): Promise<void> {
  assert.deepEqual((await contexts(faulty.sql, path)).map(({ id, terminated_at }) => [id, terminated_at]), [[
    contextId,
    null,
  ]]);
  await leaksNothing(faulty, path);
  await invoke(client, "terminate-context", path);
}
