/** Each step of a stuck kernel's restart is killed, and meets a fault: it is restarted in the end, and everybody is told. */
import assert from "node:assert/strict";
import type { SupabaseClient } from "@supabase/supabase-js";
import { invoke, newPath, user } from "../support/clients.ts";
import { answer, at, impatient, leaksNothing, useFaultyStack } from "../support/faulty_stack.ts";
import { BEGUN_BY_MILLISECONDS, stubborn } from "../support/programs.ts";
import type { Fault, Interception } from "../support/proxy.ts";
import { ask, askOn, type Told } from "../support/repeats.ts";
import { eventually } from "../support/settle.ts";

const faulty = useFaultyStack({ env: impatient.env });

/** In their order. A restart takes eight seconds, so each step is that of another path, all at the same time. */
const steps = {
  "question whether it is in use": { where: "database", at: at.inUse },
  announcement: { where: "database", at: at.noteRestart },
  "question which kernel it is": { where: "proxy", at: at.kernels },
  restart: { where: "proxy", at: at.restart },
} as const;

Deno.test("SIGKILL at each step of a kernel's restart", async () => {
  const stuck = await startStuck((step) => ({ kind: step === "restart" ? "hold_answer" : "hold" }));
  await eventually("each step is reached", () => stuck.held.every(({ left }) => left() === 0));
  // Before it is killed: a rejection that nobody waits for ends the tests.
  const ends = Promise.all(stuck.paths.map(({ told }) => assert.rejects(told)));
  const [process] = faulty.stack.functions.processes;
  await process.kill();
  for (const held of stuck.held) held.release();
  await ends;
  await process.restart();

  // As if the time had passed within which a living process would have noted the end.
  await faulty.sql`update copilot_internal.executions
    set deadline_at = clock_timestamp(), started_at = started_at - interval '1 hour' where status = 'running'`;
  // Whichever of them had been restarted by then.
  await settle(stuck);
  await Promise.all(stuck.paths.map(async ({ client, body }) => {
    const again = await askOn(client, body);
    assert.equal(again.how, "lost", JSON.stringify(again));
  }));
});

Deno.test("each step of a kernel's restart meets a fault", async () => {
  const stuck = await startStuck(() => answer(401));
  const told = await Promise.all(stuck.paths.map(({ told }) => told));
  const restarted = told.map((one) => "execution" in one && one.execution.kernel_restarted);
  // The last two were announced, and whether a restart came about is not known.
  assert.deepEqual(restarted.sort(), [false, false, true, true]);
  assert.deepEqual(stuck.held.map(({ left }) => left()), [0, 0, 0, 0]);
  assert.deepEqual(await settle(stuck), [true, true, true, true]);
  await Promise.all(stuck.paths.map(async ({ client, body }, index) => {
    assert.deepEqual(await ask(client, body), { ...told[index], how: "replayed" });
  }));
});

interface Stuck {
  readonly held: Interception[];
  readonly paths: {
    readonly client: SupabaseClient;
    readonly path: ReturnType<typeof newPath>;
    readonly body: Record<string, unknown>;
    readonly told: Promise<Told>;
  }[];
}

/** Starts a run that gets stuck on as many paths as there are steps; each path's restart meets a fault at another one. */
async function startStuck(fault: (step: string) => Fault): Promise<Stuck> {
  const client = await user(faulty.stack);
  const paths = Object.keys(steps).map(newPath);
  await Promise.all(paths.map((path) => invoke(client, "execute-code", { ...path, code: "kept = 1" })));
  // Its connection is dropped then: to be interrupted, it would ask which kernel it is, too.
  faulty.database.intercept(at.hold, answer(401), paths.length);
  const held = Object.entries(steps).map(([name, step]) => faulty[step.where].intercept(step.at, fault(name)));
  return {
    held,
    paths: paths.map((path) => {
      const body = {
        ...path,
        code: stubborn,
        timeout_ms: BEGUN_BY_MILLISECONDS,
        idempotency_key: crypto.randomUUID(),
      };
      return { client, path, body, told: ask(client, body) };
    }),
  };
}

/** Lets the next callers come. Returns of each whether its call restarted the kernel. */
async function settle({ paths }: Stuck): Promise<boolean[]> {
  return await Promise.all(paths.map(async ({ client, path }) => {
    const { execution } = await invoke(client, "execute-code", { ...path, code: "1", timeout_ms: 1_000 });

    const after = await invoke(client, "execute-code", { ...path, code: "'kept' in globals()" });
    assert.equal(after.execution.results[0].text, "False");
    assert.equal(after.previous?.termination_reason, "kernel_restarted");
    await leaksNothing(faulty, path);
    return execution.kernel_restarted;
  }));
}
