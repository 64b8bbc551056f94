/** Faults on the functions' ways to E2B and to the database, and processes that die. */
import type { FunctionProcess } from "../../../local/functions/functions.ts";
import { at } from "../../support/faulty_stack.ts";
import type { Fault, RequestLine } from "../../support/proxy.ts";
import type { Random } from "./random.ts";
import type { Tally } from "./tally.ts";

/** How many of a hundred requests meet a fault. */
const FAULTS_PER_HUNDRED = 6;

const answer = (status: number): Fault => ({ kind: "answer", status, body: { code: status, message: "chaos" } });

/** A decision for each request of a proxy. */
export function faults(random: Random, tally: Tally, where: "provider" | "database") {
  return (request: RequestLine): Fault | undefined => {
    if (random.next() * 100 >= FAULTS_PER_HUNDRED) return undefined;
    const [name, fault] = random.pick<[string, Fault]>([
      [4, ["delay", { kind: "delay", milliseconds: random.between(20, 400) }]],
      [2, ["drop_before", { kind: "drop", when: "before" }]],
      [2, ["drop_after", { kind: "drop", when: "after" }]],
      [1, ["500", answer(500)]],
      [1, ["502", answer(502)]],
      [1, ["503", answer(503)]],
      [1, ["504", answer(504)]],
      // Longer than creating may take: the caller gives up before the provider answers.
      [where === "provider" && at.create(request) ? 4 : 0, ["hang", { kind: "delay", milliseconds: 2500 }]],
      [where === "provider" ? 1 : 0, ["429", answer(429)]],
    ]);
    tally.faults[name] = (tally.faults[name] ?? 0) + 1;
    return fault;
  };
}

/** Kills and restarts processes, one at a time, until `signal`. */
export async function killProcesses(
  processes: readonly FunctionProcess[],
  random: Random,
  tally: Tally,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await pause(random.between(800, 2500));
    const process = processes[random.between(0, processes.length - 1)];
    await process.kill();
    tally.kills++;
    await pause(random.between(0, 500));
    await process.restart();
  }
}

/** Chaos takes its time: nothing is awaited here, it is the time between blows. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
