/** Each step of waking and of branching meets a fault, or the death of its process: both paths work on, and nothing leaks. */
import assert from "node:assert/strict";
import type { ErrorBody } from "../../supabase/functions/_shared/contract/error.ts";
import type { ExecuteResponse } from "../../supabase/functions/_shared/contract/execute_code.ts";
import { invoke, isHopeless, newPath, user } from "../support/clients.ts";
import { at, faults, impatient, leaksNothing, useFaultyStack } from "../support/faulty_stack.ts";
import type { RequestLine } from "../support/proxy.ts";
import { endsNoted, eventually, fallAsleep } from "../support/settle.ts";

const faulty = useFaultyStack({ env: impatient.env });

interface Step {
  readonly where: "proxy" | "database";
  readonly at: (request: RequestLine) => boolean;
  /** Whether the caller has its answer already: the step goes on beside it. */
  readonly isAnswered?: boolean;
}

const waking: Record<string, Step> = {
  claim: { where: "database", at: at.claim },
  connect: { where: "proxy", at: at.connect },
  "the note of it": { where: "database", at: at.note, isAnswered: true },
};
const branching: Record<string, Step> = {
  claim: { where: "database", at: at.claim },
  "its claim lasts": { where: "database", at: at.keepClaim },
  "its source stands still": { where: "database", at: at.holdSource },
  "connect to the source": { where: "proxy", at: at.connect },
  fork: { where: "proxy", at: at.fork },
  activate: { where: "database", at: at.activate },
  "its source goes on": { where: "database", at: at.letSourceGo },
};
/** Those that differ in what has been done by then. */
const FAULTS = ["429", "503", "a connection that breaks before", "a connection that breaks after"];

const text = ({ execution }: ExecuteResponse) => execution.results[0]?.text;

for (const isAsleep of [false, true]) {
  const paths = isAsleep ? waking : branching;
  const what = isAsleep ? "waking" : "branching";
  const check = isAsleep ? wake : branch;
  for (const [name, step] of Object.entries(paths)) {
    for (const fault of FAULTS) {
      Deno.test(`${what}: ${name} meets ${fault}`, () =>
        check(async (client, body) => {
          const met = faulty[step.where].intercept(step.at, faults[fault]);
          const { error, response } = await client.functions.invoke("acquire-context", { body });
          if (error) {
            assert(response);
            const told: ErrorBody = await response.json();
            assert.equal(isHopeless(told), false);
          }
          // Some of it goes on beside the answer.
          await met.hit;
          met.end();
        }));
    }
    for (const kind of ["hold", "hold_answer"] as const) {
      const when = kind === "hold" ? "before its request arrives" : "after it was served, before the answer";
      Deno.test(`${what}: SIGKILL at ${name}, ${when}`, () =>
        check(async (client, body) => {
          const held = faulty[step.where].intercept(step.at, { kind });
          const doomed = client.functions.invoke("acquire-context", { body });
          await held.hit;
          if (step.isAnswered) assert.equal((await doomed).error, null);
          if (kind === "hold_answer") await eventually("it is served", () => held.served() === 1);
          const [process] = faulty.stack.functions.processes;
          await process.kill();
          held.release();
          if (!step.isAnswered) assert((await doomed).error, "the operation outlived its process");
          await process.restart();
        }));
    }
  }
}

type Act = (client: Awaited<ReturnType<typeof user>>, body: Record<string, unknown>) => Promise<void>;

async function wake(act: Act): Promise<void> {
  const client = await user(faulty.stack);
  const path = newPath();
  const before = await invoke(client, "execute-code", { ...path, code: "kept = 1" });
  await endsNoted(faulty.sql, path);
  await fallAsleep(faulty, path);
  await act(client, path);
  const after = await invoke(client, "execute-code", { ...path, code: "kept += 1; kept" });
  assert.deepEqual([after.context.id, text(after), after.previous], [before.context.id, "2", null]);
  await leaksNothing(faulty, path);
  await invoke(client, "terminate-context", path);
}

async function branch(act: Act): Promise<void> {
  const client = await user(faulty.stack);
  const path = newPath();
  const own = { ...path, path_id: "branch", from_path_id: path.path_id };
  const source = await invoke(client, "execute-code", { ...path, code: "kept = 1" });
  await endsNoted(faulty.sql, path);
  await act(client, own);
  // Whoever comes next waits for a lease, and no longer.
  const branched = await invoke(client, "execute-code", { ...own, code: "kept" });
  assert.deepEqual([text(branched), branched.forked_from?.context_id], ["1", source.context.id]);
  const after = await invoke(client, "execute-code", { ...path, code: "kept += 1; kept" });
  assert.deepEqual([after.context.id, text(after), after.previous], [source.context.id, "2", null]);
  assert.equal(text(await invoke(client, "execute-code", { ...own, code: "kept" })), "1");
  await leaksNothing(faulty, path);
  await invoke(client, "terminate-context", { conversation_id: path.conversation_id });
}
