/** Each step of branching meets a fault, or the death of its process: both paths work on, and nothing leaks. */
import assert from "node:assert/strict";
import type { ExecuteResponse } from "../../supabase/functions/_shared/contract/execute_code.ts";
import { invoke, newPath, patiently, user } from "../support/clients.ts";
import { at, impatient, leaksNothing, useFaultyStack } from "../support/faulty_stack.ts";
import { endsNoted } from "../support/settle.ts";
import { type Step, testSteps } from "./steps.ts";

const faulty = useFaultyStack({ env: impatient.env });

const steps: Record<string, Step> = {
  claim: { where: "database", at: at.claim },
  "its claim lasts": { where: "database", at: at.keepClaim },
  "its source stands still": { where: "database", at: at.holdSource },
  "connect to the source": { where: "proxy", at: at.connect },
  fork: { where: "proxy", at: at.fork },
  activate: { where: "database", at: at.activate },
  "its source goes on": { where: "database", at: at.letSourceGo },
};
const text = ({ execution }: ExecuteResponse) => execution.results[0]?.text;

testSteps("branching", steps, faulty, async (act) => {
  const client = await user(faulty.stack);
  const path = newPath();
  const branch = { ...path, path_id: "branch", from_path_id: path.path_id };
  const source = await invoke(client, "execute-code", { ...path, code: "kept = 1" });
  await endsNoted(faulty.sql, path);
  await act(client, branch);
  // Whoever comes next waits for a lease, and asks again where a busy machine's fork has taken more than half of one.
  const branched = await patiently(() => invoke(client, "execute-code", { ...branch, code: "kept" }));
  assert.deepEqual([text(branched), branched.forked_from?.context_id], ["1", source.context.id]);
  const after = await invoke(client, "execute-code", { ...path, code: "kept += 1; kept" });
  assert.deepEqual([after.context.id, text(after), after.previous], [source.context.id, "2", null]);
  assert.equal(text(await invoke(client, "execute-code", { ...branch, code: "kept" })), "1");
  await leaksNothing(faulty, path);
  await invoke(client, "terminate-context", { conversation_id: path.conversation_id });
});
