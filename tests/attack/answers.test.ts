/** What is kept for a tenant has an end; what was thrown out is told, and does not run again. */
import assert from "node:assert/strict";
import { invoke, newPath, refused, user } from "../support/clients.ts";
import { useFaultyStack } from "../support/faulty_stack.ts";

const faulty = useFaultyStack();

Deno.test("the oldest answer goes when there is too much, and its code does not run again", async () => {
  await faulty.sql`update copilot_internal.settings set tenant_answers = 1000, tenant_answer_mebibytes = 16`;
  const client = await user(faulty.stack);
  const path = newPath();
  await invoke(client, "execute-code", { ...path, code: "runs = 0\nbig = 'x' * 2 ** 21" });
  const request = (number: number) => ({
    ...path,
    code: "runs += 1\ndisplay({'text/html': big}, raw=True)\nruns",
    idempotency_key: `key ${number}`,
  });
  // Each has two mebibytes of a result.
  for (let number = 1; number <= 9; number++) await invoke(client, "execute-code", request(number));

  const [{ bytes }] = await faulty.sql`
    select sum(octet_length(answer::text))::integer as bytes from copilot_internal.idempotency_keys`;
  assert(bytes <= 16 * 2 ** 20, `${bytes} bytes are kept`);
  const told = await refused(client, "execute-code", request(1));
  assert.deepEqual([told.status, told.body.code, told.body.retryable], [410, "answer_gone", false]);
  const last = await invoke(client, "execute-code", request(9));
  assert.equal(last.replayed, true);
  const after = await invoke(client, "execute-code", { ...path, code: "runs" });
  assert.equal(after.execution.results[0].text, "9");
});
