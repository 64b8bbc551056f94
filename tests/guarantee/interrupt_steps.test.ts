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
    // One after the other, so that each path meets the fault that is its own.
    const runs = [];
    for (const [index, step] of Object.values(steps).entries()) {
      const held = faulty[step.where].intercept(step.at, { kind });
      const body = { ...paths[index], code: endless, timeout_ms: 500, idempotency_key: crypto.randomUUID() };
      const told = Promise.allSettled([ask(client, body)]);
      await held.hit;
      if (kind === "hold_answer") await eventually("it was served", () => held.served() > 0);
      runs.push({ held, body, told });
    }
    const [process] = faulty.stack.functions.processes;
    await process.kill();
    for (const { held } of runs) held.release();
    const answers = await Promise.all(runs.map(({ told }) => told));
    // The last step comes when the run is over, and nobody waits for it.
    assert.deepEqual(answers.slice(0, 3).map(([{ status }]) => status), ["rejected", "rejected", "rejected"]);
    await process.restart();

    await Promise.all(runs.map(async ({ body }, index) => {
      const next = await invoke(client, "execute-code", { ...paths[index], code: "print(kept, n > 0)" });
      assert.equal(next.execution.stdout, "yes True\n", JSON.stringify(next.execution));
      const again = await askOn(client, body);
      assert(again.how === "lost" || (index === 3 && again.how === "replayed"), JSON.stringify(again));
    }));
  });
}
