/** "Disable a tenant" and "Delete a user's data". */
import assert from "node:assert/strict";
import { invoke, newPath, refused, service } from "../support/clients.ts";
import { quick } from "../support/faulty_stack.ts";
import { alive } from "../support/provider.ts";
import { eventually, sweepNow } from "../support/settle.ts";
import { useStack } from "../support/stack.ts";
import { codeUnder } from "./document.ts";

const local = useStack();

Deno.test("Disable a tenant", async () => {
  const acme = `tenant-${crypto.randomUUID()}`;
  const [disable, enable] = await codeUnder("Disable a tenant", "sql", { acme });
  const backend = service(local.stack);
  const path = { ...newPath(), tenant_id: acme };
  await invoke(backend, "acquire-context", path);
  await local.sql.unsafe(disable);
  await local.sql.unsafe(disable);
  assert.equal((await refused(backend, "acquire-context", path)).body.code, "tenant_disabled");
  await local.sql.unsafe(enable);
  assert.equal((await invoke(backend, "acquire-context", path)).previous?.termination_reason, "terminated");
  await invoke(backend, "terminate-context", { tenant_id: acme, all: true });
});

Deno.test("Delete a user's data", async () => {
  const acme = `tenant-${crypto.randomUUID()}`;
  const alice = crypto.randomUUID();
  const [forget] = await codeUnder("Delete a user's data", "sql", { acme, alice });
  const backend = service(local.stack);
  const paths = [alice, "bob"].map((user_id) => ({ ...newPath(), tenant_id: acme, user_id }));
  for (const path of paths) await invoke(backend, "execute-code", { ...path, ...quick, code: "1" });
  await eventually("it is done", async () => {
    await sweepNow(local.stack, local.sql);
    const [{ is_done }] = await local.sql.unsafe(forget);
    return is_done;
  });
  const conversations = await local.sql`
    select conversation_id from copilot_internal.conversations where tenant_id = ${acme}
    union select conversation_id from copilot_internal.executions where tenant_id = ${acme}`;
  assert.deepEqual(conversations.map((row) => row.conversation_id), [paths[1].conversation_id]);
  assert.equal(alive(local.stack).length, 1);
  await invoke(backend, "terminate-context", { tenant_id: acme, all: true });
});
