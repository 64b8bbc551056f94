/** How many warm calls one, two and four processes of the functions serve. */
import { startStack } from "../../../local/stack.ts";
import { invoke, newPath, service } from "../../support/clients.ts";
import { percentile } from "../statistics.ts";

export interface Rate {
  readonly per_second: number;
  readonly p50_ms: number;
  readonly p95_ms: number;
}

export interface ProcessFigures {
  readonly acquire: Rate;
  readonly execute: Rate;
}

/** Callers, each of a path and a tenant of its own, that ask for the next answer as soon as they have one. */
const CALLERS = 8;

/** A call is warm when the process that serves it has served some before. */
const WARM_UP_CALLS = 10;

/** Measures on a stack of its own. Kernels are JavaScript's, whose `1` costs next to nothing. */
export async function measureProcesses(processes: number, milliseconds: number): Promise<ProcessFigures> {
  await using stack = await startStack({
    functions: processes,
    env: { TENANT_EXECUTIONS_PER_MINUTE: "1000000" },
  });
  const client = service(stack);
  const paths = Array.from({ length: CALLERS }, (_, caller) => ({ ...newPath(), tenant_id: `tenant ${caller}` }));
  const acquire = (caller: number) => invoke(client, "acquire-context", paths[caller]);
  const execute = (caller: number) =>
    invoke(client, "execute-code", { ...paths[caller], code: "1", language: "javascript" });
  await saturate(execute, (calls) => calls === WARM_UP_CALLS * processes);
  return {
    acquire: await rateOf(acquire, milliseconds),
    execute: await rateOf(execute, milliseconds),
  };
}

async function rateOf(call: (caller: number) => Promise<unknown>, milliseconds: number): Promise<Rate> {
  const begun = performance.now();
  const taken = await saturate(call, () => performance.now() - begun >= milliseconds);
  return {
    per_second: taken.length * 1000 / (performance.now() - begun),
    p50_ms: percentile(taken, 50),
    p95_ms: percentile(taken, 95),
  };
}

/** What each call took, in milliseconds; each caller asks until `isOver`, which is told how many calls it has made. */
async function saturate(
  call: (caller: number) => Promise<unknown>,
  isOver: (calls: number) => boolean,
): Promise<number[]> {
  const taken = await Promise.all(Array.from({ length: CALLERS }, async (_, caller) => {
    const own: number[] = [];
    while (!isOver(own.length)) {
      const begun = performance.now();
      await call(caller);
      own.push(performance.now() - begun);
    }
    return own;
  }));
  return taken.flat();
}
