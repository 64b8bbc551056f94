/** The functions' process dies by SIGKILL at each step of a request with an idempotency key: its code runs once, if at all. */
import assert from "node:assert/strict";
import type { ExecuteResponse } from "../../supabase/functions/_shared/contract/execute_code.ts";
import { invoke, newPath, user } from "../support/clients.ts";
import { answer, at, impatient, leaksNothing, quick, useFaultyStack } from "../support/faulty_stack.ts";
import type { Fault, RequestLine } from "../support/proxy.ts";
import { ask, askOn, type Told } from "../support/repeats.ts";
import { forgetSandbox } from "../support/rows.ts";
import { eventually } from "../support/settle.ts";

const faulty = useFaultyStack({ env: impatient.env });

type How = Told["how"];
/** What a request with a key may be told when it is asked again, by how it was with its process's last request. */
interface OnceStep {
  readonly name: string;
  readonly where: "proxy" | "database";
  readonly at: (request: RequestLine) => boolean;
  /** The request waited, and its sender was dead when it went on: it may be served all the same. */
  readonly hold?: readonly How[];
  /** It was served. */
  readonly hold_answer?: readonly How[];
  /** It died with its sender. */
  readonly never?: readonly How[];
  /** What the run meets at the provider before. */
  readonly first?: { readonly at: OnceStep["at"]; readonly fault: Fault };
  /** Whether the row does not know how its sandbox is opened. */
  readonly unknown?: boolean;
  /** Whether the code was not sent, so that it runs only if the request is told that it did. */
  readonly unsent?: boolean;
  /** Whether its caller, who waits for it only so long, may have an answer before the process dies. */
  readonly mayBeAnswered?: boolean;
}
const refusal = answer(503);
const ran: readonly How[] = ["ran"];
const replayed: readonly How[] = ["replayed"];
const lost: readonly How[] = ["lost"];
/** The ledger's row and the kept answer do not wait for each other. */
const either: readonly How[] = ["replayed", "lost"];
const onceOnly: OnceStep[] = [
  { name: "claim of the key", where: "database", at: at.claimKey, unsent: true, hold: ran, hold_answer: ran },
  { name: "connect", where: "proxy", at: at.connect, unknown: true, unsent: true, hold: ran, hold_answer: ran },
  { name: "upload", where: "proxy", at: at.upload, unsent: true, hold_answer: ran },
  {
    name: "note that its code is sent",
    where: "database",
    at: at.send,
    unsent: true,
    hold_answer: lost,
    never: ran,
  },
  { name: "execute", where: "proxy", at: at.execute, hold: lost, hold_answer: lost },
  {
    name: "renewal of the claim",
    where: "database",
    at: at.keepKey,
    first: { at: at.execute, fault: { ...refusal, hold: true } },
    unsent: true,
    hold: lost,
  },
  {
    name: "start of the ledger's row",
    where: "database",
    at: at.start,
    mayBeAnswered: true,
    hold: either,
    hold_answer: either,
  },
  { name: "download", where: "proxy", at: at.download, hold_answer: lost },
  {
    name: "end of the ledger's row",
    where: "database",
    at: at.finish,
    mayBeAnswered: true,
    hold: either,
    hold_answer: either,
  },
  {
    name: "keeping of the answer",
    where: "database",
    at: at.keepAnswer,
    mayBeAnswered: true,
    hold_answer: replayed,
    never: lost,
  },
  {
    name: "release of the key of what was not sent",
    where: "database",
    at: at.releaseKey,
    first: { at: at.upload, fault: refusal },
    unsent: true,
    never: ran,
  },
  {
    name: "release of the key of what was refused",
    where: "database",
    at: at.releaseKey,
    first: { at: at.execute, fault: refusal },
    unsent: true,
    never: lost,
  },
];
for (const step of onceOnly) {
  for (const kind of ["hold", "hold_answer", "never"] as const) {
    const allowed = step[kind];
    if (!allowed) continue;
    Deno.test(`SIGKILL at ${step.name} (${kind}) of what runs once only`, async () => {
      const client = await user(faulty.stack);
      const path = newPath();
      await invoke(client, "execute-code", { ...path, ...quick, code: "var runs = 0" });
      const body = {
        ...path,
        ...quick,
        files: [{ path: "made", content: "" }],
        code: "runs += 1\nruns",
        outputs: ["made"],
        idempotency_key: crypto.randomUUID(),
      };

      if (step.unknown) await forgetSandbox(faulty.sql, path);
      const first = step.first && faulty.proxy.intercept(step.first.at, step.first.fault);
      const held = faulty[step.where].intercept(step.at, kind === "never" ? { ...refusal, hold: true } : { kind });
      const doomed = client.functions.invoke<ExecuteResponse>("execute-code", { body });
      await Promise.race([held.hit, doomed]);
      assert.equal(held.left(), 0, "it did not come to the step");
      if (kind === "hold_answer") await eventually("it is served", () => held.served() === 1);
      const [process] = faulty.stack.functions.processes;
      await process.kill();
      held.release();
      first?.release();
      const { data } = await doomed;
      assert(data === null || step.mayBeAnswered, "the operation outlived its process");
      await process.restart();

      const told = await askOn(client, body);
      // Whoever has an answer has it also where that could not be kept.
      if (data && told.how === "replayed") assert.deepEqual(told.execution, data.execution);
      assert(allowed.includes(told.how), JSON.stringify(told));
      const { execution } = await invoke(client, "execute-code", { ...path, ...quick, code: "runs" });
      const runs = Number(execution.results[0].text);
      if (told.how === "lost") assert(runs <= (step.unsent ? 0 : 1), `${runs} runs`);
      else assert.equal(runs, 1);

      const again = await ask(client, body);
      assert.deepEqual(
        again,
        told.how === "ran" ? { ...told, how: "replayed" } : told,
        "what was told once stays true",
      );
      await leaksNothing(faulty, path);
    });
  }
}
