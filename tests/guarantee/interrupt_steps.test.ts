/** Each step of an interrupt is killed: nobody is stuck, no other run is hit, and variables stay. */
import assert from "node:assert/strict";
import { invoke, newPath, user } from "../support/clients.ts";
import { at, impatient, useFaultyStack } from "../support/faulty_stack.ts";
import { endless } from "../support/programs.ts";
import { ask, askOn } from "../support/repeats.ts";
import { eventually } from "../support/settle.ts";

const faulty = useFaultyStack({ env: impatient.env });

const steps = {
  "that others wait": { where: "database", at: at.hold },
  "which kernel it is": { where: "proxy", at: at.kernels },
  "the interrupt": { where: "proxy", at: at.interrupt },
  "that they wait no more": { where: "database", at: at.letGo },
} as const;

for (const kind of ["hold", "hold_answer"] as const) {
  Deno.test(`SIGKILL at each step of an interrupt, ${kind === "hold" ? "before" : "after"} it was served`, async () => {
    const client = await user(faulty.stack);
    const paths = Object.keys(steps).map(newPath);
    await Promise.all(paths.map((path) => invoke(client, "execute-code", { ...path, code: "kept = 'yes'" })));
    // All at the same time: a step that takes longer than two seconds is given up.
    const held = Object.values(steps).map((step) => faulty[step.where].intercept(step.at, { kind }));
    const runs = paths.map((path) => {
      const body = { ...path, code: endless, timeout_ms: 500, idempotency_key: crypto.randomUUID() };
      return { body, told: Promise.allSettled([ask(client, body)]) };
    });
    await Promise.all(held.map(({ hit }) => hit));
    if (kind === "hold_answer") {
      await eventually("each was served", () => held.every((each) => each.served() > 0));
    }
    const [process] = faulty.stack.functions.processes;
    await process.kill();
    for (const each of held) each.release();
    await Promise.all(runs.map(({ told }) => told));
    await process.restart();

    await Promise.all(runs.map(async ({ body }, index) => {
      const next = await invoke(client, "execute-code", { ...paths[index], code: "print(kept, n > 0)" });
      assert.equal(next.execution.stdout, "yes True\n", JSON.stringify(next.execution));
      // The last step comes when a run is over, and may have kept its answer.
      const again = await askOn(client, body);
      assert(again.how === "lost" || again.how === "replayed", JSON.stringify(again));
    }));
  });
}
