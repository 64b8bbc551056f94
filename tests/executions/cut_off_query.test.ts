/** The database ends its own connections in the middle of a query, as when it restarts or moves: it is asked again. */
import assert from "node:assert/strict";
import { invoke, newPath, user } from "../support/clients.ts";
import { quick, useFaultyStack } from "../support/faulty_stack.ts";
import { eventually } from "../support/settle.ts";

const faulty = useFaultyStack();

Deno.test("a query that is cut off is asked again, and the run knows nothing of it", async () => {
  const { sql } = faulty;
  const client = await user(faulty.stack);
  const path = newPath();
  await invoke(client, "execute-code", { ...path, ...quick, code: "var kept = 1" });
  let running: ReturnType<typeof invoke<"execute-code">> | undefined;
  await sql.begin(async (holding) => {
    await holding`select from copilot_internal.execution_contexts
      where conversation_id = ${path.conversation_id} for update`;
    running = invoke(client, "execute-code", { ...path, ...quick, code: "kept" });
    // Ended while it waits for the row.
    await eventually("the claim's connection is ended", async () => {
      const ended = await sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`;
      return ended.length > 0;
    }, { everyMilliseconds: 20 });
  });
  const answer = await running;
  assert.equal(answer?.execution.results[0].text, "1");
});
