/** The functions' process dies by SIGKILL at each step. Nobody is stuck, nothing leaks, and no variable goes without a word. */
import assert from "node:assert/strict";
import { invoke, newPath, user } from "../support/clients.ts";
import { at, impatient, leaksNothing, quick, useFaultyStack } from "../support/faulty_stack.ts";
import type { RequestLine } from "../support/proxy.ts";
import { forgetSandbox } from "../support/rows.ts";
import { eventually } from "../support/settle.ts";

const faulty = useFaultyStack({ env: impatient.env });

interface Step {
  readonly name: string;
  readonly operation: "acquire-context" | "execute-code" | "terminate-context";
  /** Whether the path has a context, with a variable in its kernel, before. */
  readonly inUse: boolean;
  /** Whether its row does not know how the sandbox is opened. */
  readonly unknown?: boolean;
  /** Whether the caller has its answer already: the step goes on beside it. */
  readonly isAnswered?: boolean;
  readonly where: "proxy" | "database";
  readonly at: (request: RequestLine) => boolean;
}

const acquiring = { operation: "acquire-context", inUse: false } as const;
const terminating = { operation: "terminate-context", inUse: true } as const;
const steps: Step[] = [
  { name: "acquire: claim", ...acquiring, where: "database", at: at.claim },
  { name: "acquire: create", ...acquiring, where: "proxy", at: at.create },
  { name: "acquire: activate", ...acquiring, where: "database", at: at.activate },
  { name: "acquire: end of probation", ...acquiring, isAnswered: true, where: "proxy", at: at.connect },
  { name: "acquire: connect", operation: "acquire-context", inUse: true, where: "proxy", at: at.connect },
  { name: "execute: connect", operation: "execute-code", inUse: true, unknown: true, where: "proxy", at: at.connect },
  { name: "execute: execute", operation: "execute-code", inUse: true, where: "proxy", at: at.execute },
  {
    name: "execute: start of the ledger's row",
    operation: "execute-code",
    inUse: true,
    isAnswered: true,
    where: "database",
    at: at.start,
  },
  {
    name: "execute: end of the ledger's row",
    operation: "execute-code",
    inUse: true,
    isAnswered: true,
    where: "database",
    at: at.finish,
  },
  { name: "terminate: mark", ...terminating, where: "database", at: at.mark },
  { name: "terminate: kill", ...terminating, where: "proxy", at: at.kill },
  { name: "terminate: confirm", ...terminating, where: "database", at: at.confirm },
];

for (const step of steps) {
  for (const kind of ["hold", "hold_answer"] as const) {
    const when = kind === "hold" ? "before its request arrives" : "after it was served, before the answer";
    Deno.test(`SIGKILL at ${step.name}, ${when}`, async () => {
      const client = await user(faulty.stack);
      const path = newPath();
      const before = step.inUse
        ? await invoke(client, "execute-code", { ...path, ...quick, code: "var kept = 1" })
        : null;

      if (step.unknown) await forgetSandbox(faulty.sql, path);
      const held = faulty[step.where].intercept(step.at, { kind });
      const body = step.operation === "execute-code" ? { ...path, ...quick, code: "kept += 1" } : path;
      const doomed = client.functions.invoke(step.operation, { body });
      await held.reached();
      if (step.isAnswered) assert.equal((await doomed).error, null);
      if (kind === "hold_answer") await eventually("it is served", () => held.served() === 1);
      const [process] = faulty.stack.functions.processes;
      await process.kill();
      held.release();
      if (!step.isAnswered) assert((await doomed).error, "the operation outlived its process");
      await process.restart();

      // acquire waits for a lease and no longer, so this succeeds only if the path is free by then.
      const after = await invoke(client, "execute-code", { ...path, ...quick, code: "globalThis.kept ?? 'nothing'" });
      const kept = after.execution.results[0].text;
      if (before && after.context.id === before.context.id) {
        // A request that was held is in flight: it arrives although its sender is dead, and the code may run.
        assert.match(String(kept), /^[12]$/);
      } else {
        assert.equal(kept, "nothing");
        // What the path had before is gone, and that is said. A path that never was in use had nothing to lose.
        if (before) assert.equal(after.previous?.termination_reason, "terminated");
      }

      await leaksNothing(faulty, path);
      await invoke(client, "terminate-context", path);
    });
  }
}
