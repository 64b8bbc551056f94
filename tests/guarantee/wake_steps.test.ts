/** Each step of waking meets a fault, or the death of its process: the variables are there, and nothing leaks. */
import assert from "node:assert/strict";
import { invoke, newPath, user } from "../support/clients.ts";
import { at, impatient, leaksNothing, quick, useFaultyStack } from "../support/faulty_stack.ts";
import { endsNoted, fallAsleep } from "../support/settle.ts";
import { type Step, testSteps } from "./steps.ts";

const faulty = useFaultyStack({ env: impatient.env });

const steps: Record<string, Step> = {
  claim: { where: "database", at: at.claim },
  connect: { where: "proxy", at: at.connect },
  "the note of it": { where: "database", at: at.note, isAnswered: true },
};

testSteps("waking", steps, faulty, async (act) => {
  const client = await user(faulty.stack);
  const path = newPath();
  const before = await invoke(client, "execute-code", { ...path, ...quick, code: "var kept = 1" });
  await endsNoted(faulty.sql, path);
  await fallAsleep(faulty, path);
  await act(client, path);
  const after = await invoke(client, "execute-code", { ...path, ...quick, code: "kept += 1" });
  assert.deepEqual([after.context.id, after.execution.results[0]?.text, after.previous], [
    before.context.id,
    "2",
    null,
  ]);
  await leaksNothing(faulty, path);
  await invoke(client, "terminate-context", path);
});
