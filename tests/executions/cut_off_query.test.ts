/** A backend of the database dies in the middle of a query: that is no answer, and is asked again. */
import assert from "node:assert/strict";
import { invoke, newPath, refused, user } from "../support/clients.ts";
import { at, quick, useFaultyStack } from "../support/faulty_stack.ts";
import type { Fault } from "../support/proxy.ts";

const faulty = useFaultyStack();

/** What PostgREST makes of that: libpq's words, and no code, as the database gave none. */
const cutOff: Fault = {
  kind: "answer",
  status: 400,
  body: {
    code: "",
    details: null,
    hint: null,
    message: "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally",
  },
  headers: { "Content-Type": "application/json" },
};

Deno.test("a query that is cut off is asked again, and the run knows nothing of it", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const faults = [at.claim, at.activate].map((step) => faulty.database.intercept(step, cutOff, 2));
  const { execution } = await invoke(client, "execute-code", { ...path, ...quick, code: "1" });
  assert.deepEqual([execution.results[0].text, ...faults.map((fault) => fault.left())], ["1", 0, 0]);
});

Deno.test("while all are cut off, the caller may ask again", async () => {
  const client = await user(faulty.stack);
  const fault = faulty.database.intercept(at.claim, cutOff, Infinity);
  const { body } = await refused(client, "acquire-context", newPath());
  fault.end();
  assert.deepEqual([body.code, body.retryable], ["database_unavailable", true]);
});
