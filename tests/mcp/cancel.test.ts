/** An agent takes back what it asked for: the run stops, and its kernel goes on with its variables. */
import assert from "node:assert/strict";
import { newPath, user } from "../support/clients.ts";
import { at, useFaultyStack } from "../support/faulty_stack.ts";
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

Deno.test("a run is cancelled that waits for its sandbox, and one that is over costs nobody anything", async () => {
  const path = newPath();
  const client = await user(faulty.stack);
  await using agent = await agents["an agent of 2025"](mcpUrl(faulty.stack, path), await signedIn(client));
  const creating = faulty.proxy.intercept(at.create, { kind: "hold" });
  const abort = new AbortController();
  const call = agent.call("run_code", { code: "ran = True" }, { signal: abort.signal });
  await creating.reached();
  abort.abort();
  await assert.rejects(call);
  await eventually("it is to stop", async () => {
    const [open] = await faulty.sql`
      select stop_requested_at from copilot_internal.open_executions where conversation_id = ${path.conversation_id}`;
    return open.stop_requested_at !== null;
  });
  // Whoever runs it asks every second.
  const asked = faulty.database.intercept(at.stopped, { kind: "hold_answer" });
  await eventually("whoever runs it has been told", () => asked.served() > 0);
  asked.release();
  creating.release();
  await eventually("it is over", async () =>
    (await faulty.sql`
      select from copilot_internal.open_executions where conversation_id = ${path.conversation_id}`).length === 0);
  assert.equal(textOf(await agent.call("run_code", { code: "'ran' in globals()" })), "False");
});

Deno.test("an agent of 2025 that only loses its connection has cancelled nothing", async () => {
  const path = newPath();
  const headers = {
    ...await signedIn(await user(faulty.stack)),
    "Content-Type": "application/json",
    Accept: "application/json, text/event-stream",
    "Mcp-Session-Id": "s",
  };
  const code = "import time\nfor i in range(30): print(i, flush=True); time.sleep(0.1)\ndone = True";
  const params = { name: "run_code", arguments: { code }, _meta: { progressToken: 1 } };
  const response = await fetch(mcpUrl(faulty.stack, path), {
    method: "POST",
    headers,
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params }),
  });
  assert(response.body);
  const reader = response.body.getReader();
  for (let told = ""; !told.includes("notifications/progress");) {
    const { value } = await reader.read();
    told += new TextDecoder().decode(value);
  }
  await reader.cancel();
  await eventually("it came to its end", async () => (await statuses(path))[0] === "ok");
});
