/**
 * The main worker: takes all requests, on a free port that it prints as `{"port":n}`, and passes each to a worker of the
 * function that its path names. Ends, with its workers, when its standard input closes, which the death of its parent
 * does too.
 *
 * Argument: the functions, their command and the limits, as JSON.
 */

import { z } from "zod";
import { serve } from "../../serve.ts";
import { problem } from "../problem.ts";
import { WorkerLimits } from "./limits.ts";
import { createPool, type Pool } from "./pool.ts";

const Argument = z.object({
  functions: z.array(z.object({ name: z.string(), entrypoint: z.string() })),
  command: z.tuple([z.string()], z.string()),
  /** Besides this process's own. */
  environment: z.record(z.string(), z.string()),
  limits: WorkerLimits,
});

/** Workers that have nothing to do end at once. */
const STOP_GRACE_MS = 300;

async function endWithParent(): Promise<never> {
  for await (const _ of Deno.stdin.readable);
  await Promise.all([...pools.values()].map((pool) => pool.stop(STOP_GRACE_MS)));
  // Its group, which it leads: a worker that spins while it is imported is in no pool yet, and does not see that its
  // standard input closes.
  Deno.kill(-Deno.pid, "SIGKILL");
  return await new Promise<never>(() => {});
}

const { functions, command, environment, limits } = Argument.parse(JSON.parse(Deno.args[0] ?? ""));
const env = { ...Deno.env.toObject(), ...environment };
const pools = new Map<string, Pool>();
endWithParent();
const created = await Promise.allSettled(functions.map(async (edgeFunction) => {
  const pool = await createPool(edgeFunction, { command, limits, env, onLog: (line) => console.log(line) });
  pools.set(edgeFunction.name, pool);
}));
// Not before all have booted or failed: the clocks of those that still boot end with this process.
for (const result of created) if (result.status === "rejected") throw result.reason;
const { port } = await serve({ onError: () => problem("WORKER_ERROR") }, (request) => {
  const [, name = ""] = new URL(request.url).pathname.split("/");
  return pools.get(name)?.call(request) ?? problem("NOT_FOUND");
});
console.log(JSON.stringify({ port }));
