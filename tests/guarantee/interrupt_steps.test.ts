/** Each step of an interrupt is killed: nobody is stuck, no other run is hit, and variables stay. */
import assert from "node:assert/strict";
import { invoke, newPath, user } from "../support/clients.ts";
import { at, impatient, quick, useFaultyStack } from "../support/faulty_stack.ts";
import { BEGUN_BY_MILLISECONDS, quickEndless } from "../support/programs.ts";
import { ask, askOn } from "../support/repeats.ts";
import { eventually } from "../support/settle.ts";

const faulty = useFaultyStack({
  // As many paths as it takes, all of them one user's.
  env: { ...impatient.env, TENANT_QUOTA: "100" },
});

const steps = {
  "that others wait": { where: "database", at: at.hold },
  "which kernel it is": { where: "proxy", at: at.kernels },
  "the interrupt": { where: "proxy", at: at.interrupt },
  "that they wait no more": { where: "database", at: at.letGo },
} as const;

interface Run {
  readonly path: ReturnType<typeof newPath>;
  readonly body: Parameters<typeof ask>[1] & { readonly idempotency_key: string };
  readonly told: Promise<unknown>;
}

for (const kind of ["hold", "hold_answer"] as const) {
  Deno.test(`SIGKILL at each step of an interrupt, ${kind === "hold" ? "before" : "after"} it was served`, async () => {
    const client = await user(faulty.stack);
    const runs: Run[] = [];
    let isComplete = false;
    const failed = Promise.withResolvers<never>();
    const begin = async () => {
      if (isComplete) return;
      const path = newPath();
      await invoke(client, "execute-code", { ...path, ...quick, code: "var kept = 'yes'" });
      if (isComplete) return;
      const idempotency_key = crypto.randomUUID();
      const body = { ...path, ...quick, code: quickEndless, timeout_ms: BEGUN_BY_MILLISECONDS, idempotency_key };
      const told = Promise.allSettled([ask(client, body)]);
      runs.push({ path, body, told });
      // A step that takes longer than two seconds is given up, and the steps after it are not reached: on a busy
      // machine it may take more runs than there are steps until each step holds one.
      told.then(begin).catch(failed.reject);
    };
    const held = Object.values(steps).map((step) => faulty[step.where].intercept(step.at, { kind }));
    await Promise.all(Object.keys(steps).map(begin));
    try {
      await Promise.race([Promise.all(held.map((each) => each.reached())), failed.promise]);
    } finally {
      isComplete = true;
    }
    if (kind === "hold_answer") {
      await eventually("each was served", () => held.every((each) => each.served() > 0));
    }
    // One of which the kernel knows nothing yet may run when it is asked for again.
    const begun = await faulty.sql<{ key: string }[]>`
      select k.idempotency_key as key
      from copilot_internal.executions e join copilot_internal.idempotency_keys k on k.execution_id = e.id
      where k.idempotency_key = any (${runs.map(({ body }) => body.idempotency_key)})`;
    const hasBegun = new Set(begun.map(({ key }) => key));
    // One run may have come to two of the steps.
    assert(hasBegun.size >= held.length - 1, "what is held at its steps has not begun");
    const [process] = faulty.stack.functions.processes;
    await process.kill();
    for (const each of held) each.release();
    await Promise.all(runs.map(({ told }) => told));
    await process.restart();

    await Promise.all(runs.map(async ({ path, body }) => {
      const isMeant = hasBegun.has(body.idempotency_key);
      const code = isMeant ? "console.log(kept, n > 0)" : "console.log(kept)";
      const next = await invoke(client, "execute-code", { ...path, ...quick, code });
      assert.equal(next.execution.stdout, isMeant ? "yes true\n" : "yes\n", JSON.stringify(next.execution));
      if (!isMeant) return;
      // The last step comes when a run is over, and may have kept its answer.
      const again = await askOn(client, body);
      assert(again.how === "lost" || again.how === "replayed", JSON.stringify(again));
    }));
  });
}
