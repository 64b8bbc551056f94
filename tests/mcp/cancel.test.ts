/** An agent takes back what it asked for: the run stops, and its kernel goes on with its variables. */
import assert from "node:assert/strict";
import { newPath, user } from "../support/clients.ts";
import { useFaultyStack } from "../support/faulty_stack.ts";
import { endless } from "../support/programs.ts";
import { eventually } from "../support/settle.ts";
import { agents, mcpUrl, signedIn, textOf } from "./agents.ts";

/** Two processes: the word that a run is to stop comes to the other one. */
const faulty = useFaultyStack({ functions: 2 });

const statuses = async ({ conversation_id }: { conversation_id: string }) =>
  (await faulty.sql`
    select status from copilot_internal.executions where conversation_id = ${conversation_id} order by started_at`)
    .map(({ status }) => status);

for (const [kind, connect] of Object.entries(agents)) {
  Deno.test(`${kind} cancels a run`, async () => {
    const path = newPath();
    await using agent = await connect(mcpUrl(faulty.stack, path), await signedIn(await user(faulty.stack)));
    await agent.call("run_code", { code: "kept = 'yes'" });
    const abort = new AbortController();
    const { promise: begun, resolve } = Promise.withResolvers<string>();
    const call = agent.call("run_code", { code: endless }, { signal: abort.signal, onPrinted: resolve });
    assert.equal(await begun, "begun\n");
    abort.abort();
    await assert.rejects(call);
    await eventually("it has stopped", async () => (await statuses(path))[1] === "cancelled");
    assert.equal(textOf(await agent.call("run_code", { code: "kept, n > 0" })), "('yes', True)");
  });
}
