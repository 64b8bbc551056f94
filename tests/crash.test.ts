/** The functions' process dies by SIGKILL at each step. Nobody is stuck, nothing leaks, and no variable goes without a word. */
import assert from "node:assert/strict";
import { invoke, newPath, user } from "./support/clients.ts";
import { at, type FaultyStack, impatient, startFaultyStack } from "./support/faulty_stack.ts";
import type { RequestLine } from "./support/proxy.ts";
import { connect } from "./support/rows.ts";
import { eventually, owedKills, ownership, sweepNow } from "./support/settle.ts";

let faulty: FaultyStack;
let sql: ReturnType<typeof connect>;
Deno.test.beforeAll(async () => {
  faulty = await startFaultyStack({ env: impatient.env });
  sql = connect(faulty.stack);
});
Deno.test.afterAll(async () => {
  await sql.end();
  await faulty.stop();
});

interface Step {
  readonly name: string;
  readonly operation: "acquire-context" | "execute-code" | "terminate-context";
  /** Whether the path has a context, with a variable in its kernel, before. */
  readonly inUse: boolean;
  readonly where: "proxy" | "database";
  readonly at: (request: RequestLine) => boolean;
}

const acquiring = { operation: "acquire-context", inUse: false } as const;
const terminating = { operation: "terminate-context", inUse: true } as const;
const steps: Step[] = [
  { name: "acquire: claim", ...acquiring, where: "database", at: at.claim },
  { name: "acquire: create", ...acquiring, where: "proxy", at: at.create },
  { name: "acquire: activate", ...acquiring, where: "database", at: at.activate },
  { name: "acquire: end of probation", ...acquiring, where: "proxy", at: at.connect },
  { name: "acquire: connect", operation: "acquire-context", inUse: true, where: "proxy", at: at.connect },
  { name: "execute: connect", operation: "execute-code", inUse: true, where: "proxy", at: at.connect },
  { name: "execute: execute", operation: "execute-code", inUse: true, where: "proxy", at: at.execute },
  {
    name: "execute: start of the ledger's row",
    operation: "execute-code",
    inUse: true,
    where: "database",
    at: at.start,
  },
  {
    name: "execute: end of the ledger's row",
    operation: "execute-code",
    inUse: true,
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
      const before = step.inUse ? await invoke(client, "execute-code", { ...path, code: "kept = 1" }) : null;

      const held = faulty[step.where].intercept(step.at, { kind });
      const body = step.operation === "execute-code" ? { ...path, code: "kept += 1" } : path;
      const doomed = client.functions.invoke(step.operation, { body });
      await held.hit;
      const [process] = faulty.stack.functions.processes;
      await process.kill();
      held.release();
      assert((await doomed).error, "the operation outlived its process");
      await process.restart();

      // acquire waits for a lease and no longer, so this succeeds only if the path is free by then.
      const after = await invoke(client, "execute-code", { ...path, code: "globals().get('kept', 'nothing')" });
      const kept = after.execution.results[0].text;
      if (before && after.context.id === before.context.id) {
        // A request that was held is in flight: it arrives although its sender is dead, and the code may run.
        assert.match(String(kept), /^[12]$/);
      } else {
        assert.equal(kept, "nothing");
        // What the path had before is gone, and that is said. A path that never was in use had nothing to lose.
        if (before) assert.equal(after.previous?.termination_reason, "terminated");
      }

      await eventually(
        "each sandbox of the path is owned by an active context, and no kill is owed",
        impatient.bound,
        async () => {
          await sweepNow(faulty.stack, sql);
          const { owned, alive } = await ownership(faulty.provider, sql, path.conversation_id);
          return owned.join() === alive.join() && await owedKills(sql, path.conversation_id) === 0;
        },
      );
      await invoke(client, "terminate-context", path);
    });
  }
}

const onceOnly: Pick<Step, "name" | "where" | "at">[] = [
  { name: "claim of the key", where: "database", at: at.claimKey },
  { name: "connect", where: "proxy", at: at.connect },
  { name: "execute", where: "proxy", at: at.execute },
  { name: "start of the ledger's row", where: "database", at: at.start },
  { name: "end of the ledger's row", where: "database", at: at.finish },
];
for (const step of onceOnly) {
  for (const kind of ["hold", "hold_answer"] as const) {
    Deno.test(`SIGKILL at ${step.name} (${kind}) of what runs once only`, async () => {
      const client = await user(faulty.stack);
      const path = newPath();
      await invoke(client, "execute-code", { ...path, code: "runs = 0" });
      const body = { ...path, code: "runs += 1\nruns", idempotency_key: crypto.randomUUID() };

      const held = faulty[step.where].intercept(step.at, { kind });
      const doomed = client.functions.invoke("execute-code", { body });
      await held.hit;
      const [process] = faulty.stack.functions.processes;
      await process.kill();
      held.release();
      assert((await doomed).error, "the operation outlived its process");
      await process.restart();

      // A caller who repeats the request while that is said to be safe.
      let answer: Answer;
      do answer = await ask(client, body); while (answer.retryable);
      const { execution } = await invoke(client, "execute-code", { ...path, code: "runs" });
      const runs = Number(execution.results[0].text);
      if (answer.code === null) assert.equal(runs, 1);
      else assert(answer.code === "execution_lost" && runs <= 1, `${answer.code}, ${runs} runs`);
      assert.deepEqual(await ask(client, body), answer, "what was told once stays true");
    });
  }
}

interface Answer {
  readonly code: string | null;
  readonly retryable: boolean;
}

async function ask(client: Awaited<ReturnType<typeof user>>, body: Record<string, unknown>): Promise<Answer> {
  const { error, response } = await client.functions.invoke("execute-code", { body });
  if (!error) return { code: null, retryable: false };
  assert(response);
  const { code, retryable } = await response.json();
  return { code, retryable };
}
