/** A sandbox that runs, and whose kernels' server does not: it is waited for, and given up when it does not come back. */
import assert from "node:assert/strict";
import { invoke, newPath, refused, user } from "../support/clients.ts";
import { at, leaksNothing, quick, useFaultyStack } from "../support/faulty_stack.ts";
import type { Fault, RequestLine } from "../support/proxy.ts";
import { contexts } from "../support/rows.ts";

const faulty = useFaultyStack();

/** What E2B's proxy says while nobody listens on a port. */
const closed: Fault = {
  kind: "answer",
  status: 502,
  body: { sandboxId: "some", message: "The sandbox is running but port is not open", port: 49999, code: 502 },
};
const toKernel = (line: RequestLine) => at.execute(line) || at.question(line) || at.kernels(line);

/** It is waited for before the code is sent; a short limit leaves a busy machine's calls more of the request's time. */
const soon = { timeout_ms: 15_000 };

/** A path whose kernel keeps a variable. */
async function inUse() {
  const client = await user(faulty.stack);
  const path = newPath();
  const { state_id } = await invoke(client, "execute-code", { ...path, ...quick, code: "var kept = 1" });
  return { client, path, expectation: { expects: state_id, on_loss: "refuse" } };
}

Deno.test("one that is only restarting is waited for, and nothing is lost", async () => {
  const { client, path } = await inUse();
  const fault = faulty.proxy.intercept(toKernel, closed, 4);
  const next = await invoke(client, "execute-code", { ...path, ...quick, code: "kept" });
  assert.deepEqual([next.execution.results[0].text, next.was_created, next.previous, fault.left()], [
    "1",
    false,
    null,
    0,
  ]);
});

Deno.test("one that does not come back ends the context: the path gets another sandbox, and is told", async () => {
  const { client, path } = await inUse();
  const [{ sandbox_id: dead }] = await contexts(faulty.sql, path);
  const fault = faulty.proxy.intercept(toKernel, closed, Infinity);
  // The sandbox that replaces it has a kernel.
  const created = faulty.proxy.intercept(at.create, { kind: "hold" });
  const running = invoke(client, "execute-code", { ...path, ...quick, code: "typeof kept", ...soon });
  await Promise.race([created.hit, running]);
  fault.end();
  created.release();
  const next = await running;
  assert.deepEqual([next.execution.results[0].text, next.was_created], ["undefined", true]);
  assert.equal(next.previous?.termination_reason, "sandbox_lost");
  const [before, after] = await contexts(faulty.sql, path);
  assert.deepEqual([before.sandbox_id, before.termination_reason], [dead, "sandbox_lost"]);
  assert.notEqual(after.sandbox_id, dead);
  // The old one runs: its kill is owed.
  await leaksNothing(faulty, path);
  assert.notEqual(faulty.provider.sandboxes().find(({ sandboxId }) => sandboxId === dead)?.ended, null);
});

Deno.test("nor is one stuck who will not run on another kernel", async () => {
  const { client, path, expectation } = await inUse();
  const restarting = faulty.proxy.intercept(toKernel, closed, 3);
  const waited = await invoke(client, "execute-code", { ...path, ...quick, code: "kept", ...expectation });
  assert.deepEqual([waited.execution.results[0].text, restarting.left()], ["1", 0]);

  const fault = faulty.proxy.intercept(toKernel, closed, Infinity);
  const { body } = await refused(client, "execute-code", { ...path, ...quick, code: "kept", ...soon, ...expectation });
  fault.end();
  assert.deepEqual([body.code, body.lost?.reason], ["state_lost", "sandbox_lost"]);
  const informed = { expects: body.state_id, on_loss: "refuse" };
  const next = await invoke(client, "execute-code", { ...path, ...quick, code: "typeof kept", ...informed });
  assert.equal(next.execution.results[0].text, "undefined");
});

Deno.test("a 502 in other words ends nothing, however often it comes", async () => {
  const { client, path } = await inUse();
  for (const message of ["bad gateway", "port is busy"]) {
    const fault = faulty.proxy.intercept(toKernel, { kind: "answer", status: 502, body: { code: 502, message } }, 30);
    const { body } = await refused(client, "execute-code", { ...path, ...quick, code: "kept" });
    fault.end();
    assert.deepEqual([body.code, body.retryable], ["sandbox_unavailable", true]);
  }
  const next = await invoke(client, "execute-code", { ...path, ...quick, code: "kept" });
  assert.deepEqual([next.execution.results[0].text, next.previous], ["1", null]);
});

Deno.test("nor does a refusal that is followed by one in other words", async () => {
  const { client, path } = await inUse();
  faulty.proxy.intercept(at.execute, closed);
  faulty.proxy.intercept(at.kernels, { kind: "answer", status: 502 });
  const next = await invoke(client, "execute-code", { ...path, ...quick, code: "kept" });
  assert.deepEqual([next.execution.results[0].text, next.previous], ["1", null]);
});
