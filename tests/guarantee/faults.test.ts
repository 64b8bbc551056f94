/** Each request of the functions meets each fault once. The answer says what to do, the path works on, nothing leaks. */
import assert from "node:assert/strict";
import type { ErrorBody } from "../../supabase/functions/_shared/contract/error.ts";
import { invoke, isHopeless, newPath, user } from "../support/clients.ts";
import { at, faults, impatient, leaksNothing, quick, useFaultyStack } from "../support/faulty_stack.ts";
import type { RequestLine } from "../support/proxy.ts";
import { contexts } from "../support/rows.ts";

const faulty = useFaultyStack({ env: impatient.env });

interface Step {
  readonly operation: "acquire-context" | "execute-code" | "terminate-context";
  readonly inUse: boolean;
  readonly where: "proxy" | "database";
  readonly at: (request: RequestLine) => boolean;
}
const steps: Record<string, Step> = {
  create: { operation: "acquire-context", inUse: false, where: "proxy", at: at.create },
  "end of probation": { operation: "acquire-context", inUse: false, where: "proxy", at: at.connect },
  connect: { operation: "acquire-context", inUse: true, where: "proxy", at: at.connect },
  execute: { operation: "execute-code", inUse: true, where: "proxy", at: at.execute },
  kill: { operation: "terminate-context", inUse: true, where: "proxy", at: at.kill },
  claim: { operation: "acquire-context", inUse: false, where: "database", at: at.claim },
  activate: { operation: "acquire-context", inUse: false, where: "database", at: at.activate },
  mark: { operation: "terminate-context", inUse: true, where: "database", at: at.mark },
  confirm: { operation: "terminate-context", inUse: true, where: "database", at: at.confirm },
  "start of the ledger's row": { operation: "execute-code", inUse: true, where: "database", at: at.start },
  "end of the ledger's row": { operation: "execute-code", inUse: true, where: "database", at: at.finish },
};

for (const [stepName, step] of Object.entries(steps)) {
  for (const [faultName, fault] of Object.entries(faults)) {
    Deno.test(`${stepName} meets ${faultName}`, async () => {
      const client = await user(faulty.stack);
      const path = newPath();
      const before = step.inUse
        ? await invoke(client, "execute-code", { ...path, ...quick, code: "var runs = 0" })
        : null;

      // What may arrive twice is sent once more when its connection breaks, by us or by Deno's fetch.
      const sentOnce = step.at === at.create || step.at === at.execute;
      const interception = faulty[step.where].intercept(step.at, fault, fault.kind === "drop" && !sentOnce ? 2 : 1);
      const body = step.operation === "execute-code" ? { ...path, ...quick, code: "runs += 1" } : path;
      const { error, response } = await client.functions.invoke(step.operation, { body });
      // Nobody waits for that one.
      if (stepName === "end of probation") await interception.reached();
      // Some of it is tried again on a kept-alive connection only, and then the second fault has not been met.
      interception.end();
      if (error) {
        assert(response);
        const told: ErrorBody = await response.json();
        assert.equal(response.headers.get("access-control-allow-origin"), "*");
        assert.equal(isHopeless(told), faultName === "401" || (stepName === "execute" && fault.kind === "drop"));
        if (faultName === "429 with Retry-After" && step.where === "proxy") {
          assert.equal(response.headers.get("Retry-After"), "9");
        }
      }

      const after = await invoke(client, "execute-code", { ...path, ...quick, code: "globalThis.runs ?? 'nothing'" });
      const runs = after.execution.results[0].text;
      // The ledger's troubles are not the code's.
      const ran = [at.start, at.finish].includes(step.at) ||
        // What the row knew did not open the sandbox: E2B was asked what does.
        (step.at === at.execute && faultName === "401") ||
        (step.at === at.execute && fault.kind === "drop" && fault.when === "after");
      if (before && step.operation !== "terminate-context") {
        // No hiccup ends a context, and no code runs twice.
        assert.equal(after.context.id, before.context.id);
        assert.equal(runs, ran ? "1" : "0");
      }
      if (before && after.context.id !== before.context.id) {
        assert.equal(after.previous?.termination_reason, "terminated");
      }

      await leaksNothing(faulty, path);
      assert.equal((await contexts(faulty.sql, path)).filter((row) => row.terminated_at === null).length, 1);
      await invoke(client, "terminate-context", path);
    });
  }
}

Deno.test("a provider that does not answer at all is a time-out, and the path is free again", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const held = faulty.proxy.intercept(at.create, { kind: "hold" });
  const { error, response } = await client.functions.invoke("acquire-context", { body: path });
  assert(error && response);
  assert.equal(response.status, 504);
  const told: ErrorBody = await response.json();
  assert.equal(told.code, "sandbox_timeout");
  assert.equal(told.retryable, true);
  held.release();
  assert.equal((await invoke(client, "acquire-context", path)).was_created, true);
});

Deno.test("while the database is down every call says so, and afterwards all is as it was", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const { context } = await invoke(client, "acquire-context", path);
  const down = faulty.database.intercept(() => true, { kind: "answer", status: 503 }, Infinity);
  for (const name of ["acquire-context", "execute-code", "terminate-context"] as const) {
    const body = name === "execute-code" ? { ...path, ...quick, code: "1" } : path;
    const { error, response } = await client.functions.invoke(name, { body });
    assert(error && response);
    const told: ErrorBody = await response.json();
    assert.deepEqual([response.status, told.code, told.retryable], [503, "database_unavailable", true], name);
  }
  down.end();
  assert.equal((await invoke(client, "acquire-context", path)).context.id, context.id);
});

Deno.test("a wait that is too long is answered with when to come back", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const held = faulty.proxy.intercept(at.create, { kind: "hold" });
  faulty.database.intercept(at.fail, { kind: "answer", status: 500 }, 3);
  const first = client.functions.invoke("acquire-context", { body: path });
  await held.reached();
  // A lease that outlasts the wait, as one with other settings would.
  await faulty.sql`
    update copilot_internal.execution_contexts set expires_at = clock_timestamp() + interval '1 hour'
    where conversation_id = ${path.conversation_id}`;
  const { error, response } = await client.functions.invoke("acquire-context", { body: path });
  assert(error && response);
  const told: ErrorBody = await response.json();
  assert.deepEqual([response.status, told.code, told.retryable], [503, "context_busy", true]);
  // The bound, for the database says an hour.
  assert.equal(response.headers.get("Retry-After"), "60");
  held.release();
  await first;
});
