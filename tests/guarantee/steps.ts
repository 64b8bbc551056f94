/** What a step of the functions' work may meet, and how that is played: a fault, or the death of the process. */
import type { SupabaseClient } from "@supabase/supabase-js";
import assert from "node:assert/strict";
import type { ErrorBody } from "../../supabase/functions/_shared/contract/error.ts";
import { isHopeless } from "../support/clients.ts";
import { faults, type useFaultyStack } from "../support/faulty_stack.ts";
import type { Interception, RequestLine } from "../support/proxy.ts";
import { eventually } from "../support/settle.ts";

export interface Step {
  readonly where: "proxy" | "database";
  readonly at: (request: RequestLine) => boolean;
  /** Whether the caller has its answer already: the step goes on beside it. */
  readonly isAnswered?: boolean;
}

/** Acquires, and something comes between. */
type Act = (client: SupabaseClient, body: Record<string, unknown>) => Promise<void>;

type Answer = Awaited<ReturnType<typeof acquire>>;

/** Those that differ in what has been done by then. */
const FAULTS = ["503", "a connection that breaks before", "a connection that breaks after"];

/** Tests each step with each of them; `check` is a path's life around it, and what must hold afterwards. */
export function testSteps(
  what: string,
  steps: Readonly<Record<string, Step>>,
  faulty: ReturnType<typeof useFaultyStack>,
  check: (act: Act) => Promise<void>,
): void {
  for (const [name, step] of Object.entries(steps)) {
    for (const fault of FAULTS) {
      Deno.test(`${what}: ${name} meets ${fault}`, () =>
        check(async (client, body) => {
          const met = faulty[step.where].intercept(step.at, faults[fault]);
          const { asked } = await askUntil(met, client, body);
          await mayComeAgain(await asked);
          // Some of it goes on beside the answer.
          await met.reached();
          met.end();
        }));
    }
    for (const kind of ["hold", "hold_answer"] as const) {
      const when = kind === "hold" ? "before its request arrives" : "after it was served, before the answer";
      Deno.test(`${what}: SIGKILL at ${name}, ${when}`, () =>
        check(async (client, body) => {
          const held = faulty[step.where].intercept(step.at, { kind });
          const { asked: doomed } = await askUntil(held, client, body);
          await held.reached();
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

/** How often a step may be missed. */
const ASKED_AT_MOST = 5;

async function acquire(client: SupabaseClient, body: Record<string, unknown>) {
  return await client.functions.invoke("acquire-context", { body });
}

/**
 * Asks until a request has come to the step, or there is an answer beside which one will come. Where the machine is busy,
 * what comes before the step may take longer than its lease allows: whoever is refused by then asks again.
 * The promise is in an object, or it would be awaited.
 */
async function askUntil(met: Interception, client: SupabaseClient, body: Record<string, unknown>) {
  for (let times = 1; times <= ASKED_AT_MOST; times++) {
    const asked = acquire(client, body);
    const early = await Promise.race([met.hit.then(() => null), asked]);
    if (early === null || early.error === null || met.left() === 0) return { asked };
    await mayComeAgain(early);
  }
  met.end();
  throw new Error("no request comes to the step");
}

async function mayComeAgain({ error, response }: Answer): Promise<void> {
  if (error === null) return;
  assert(response);
  const told: ErrorBody = await response.json();
  assert.equal(isHopeless(told), false);
}
