/** Hostile requests, several at once, from a seed; a bystander; then a look at what is left. */
import type postgres from "postgres";
import type { Stack } from "../../../local/stack.ts";
import { random } from "../../guarantee/chaos/random.ts";
import { created } from "../../support/provider.ts";
import { settle, strayLines, tryPaths } from "./aftermath.ts";
import { Bystander } from "./bystander.ts";
import { judge, outcomeOf } from "./judge.ts";
import { nextRequest } from "./kinds.ts";
import { type FuzzRequest, shown } from "./request.ts";
import { newScene, type Scene } from "./scene.ts";
import { send } from "./send.ts";

/** Settings of the stack: no quota, no rate and no other language may answer before what is being tried. */
export const ENVIRONMENT = {
  TENANT_QUOTA: "200",
  CONVERSATION_QUOTA: "100",
  TENANT_CREATES_PER_MINUTE: "100000",
  TENANT_EXECUTIONS_PER_MINUTE: "100000",
  SANDBOX_LANGUAGES: "javascript",
};

export interface FuzzOptions {
  readonly seed: number;
  readonly requests: number;
  /** How many are under way at the same time. */
  readonly atOnce: number;
  /** How long the largest bodies are, in bytes; 0 for none. */
  readonly largest: number;
  /** The number of the one request that is sent, in the place of all. */
  readonly only?: number;
}

/** The stack to attack, and what its parts have printed. */
export interface Target {
  readonly stack: Stack;
  readonly sql: postgres.Sql;
  readonly lines: readonly string[];
}

export interface FuzzReport {
  readonly seed: number;
  readonly requests: number;
  readonly seconds: number;
  readonly kinds: Record<string, number>;
  readonly outcomes: Record<string, number>;
  /** That were made, and are tried at the end. */
  readonly paths: number;
  readonly sandboxes: number;
  readonly bystander: { readonly calls: number; readonly worst_ms: number };
  readonly failures: readonly string[];
}

export async function fuzz({ stack, sql, lines }: Target, options: FuzzOptions): Promise<FuzzReport> {
  const started = performance.now();
  const bystander = await Bystander.enter(stack);
  const scene = await newScene(stack, bystander.contextId);
  const processes = stack.functions.processes.map((process) => ({ process, pid: process.pid }));
  const kinds: Record<string, number> = {};
  const outcomes: Record<string, number> = {};
  const failures: string[] = [];

  const attempt = async (number: number, request: FuzzRequest) => {
    const { url } = processes[number % processes.length].process;
    const sent = await send(request, request.to === "gateway" || url === null ? stack.apiUrl : url);
    count(kinds, request.kind.split(":")[0]);
    count(outcomes, outcomeOf(sent));
    const wrong = judge(request, sent);
    if (wrong !== null) failures.push(`--seed ${options.seed} --only ${number}: ${wrong}\n    ${shown(request)}`);
  };
  const staying = bystander.stay();
  const requests = generate(options, scene);
  const work = async () => {
    for (const [number, request] of requests) await attempt(number, request);
  };
  await Promise.all(Array.from({ length: options.atOnce }, work));
  bystander.leave();
  await staying;
  failures.push(...bystander.failures);

  for (const { process, pid } of processes) {
    if (process.url === null || process.pid !== pid) failures.push(`the function's process ${pid} has ended`);
  }
  const tried = await tryPaths(stack, sql);
  failures.push(...tried.failures, ...await settle(stack, sql), ...strayLines(lines));
  return {
    seed: options.seed,
    requests: Object.values(kinds).reduce((sum, of) => sum + of, 0),
    seconds: Math.round((performance.now() - started) / 100) / 10,
    kinds,
    outcomes,
    paths: tried.paths,
    sandboxes: created(stack).length,
    bystander: { calls: bystander.calls, worst_ms: Math.round(bystander.worst) },
    failures,
  };
}

/** Each request from a seed of its own, so that it comes out the same without those before it. */
function* generate(options: FuzzOptions, scene: Scene): Generator<[number, FuzzRequest]> {
  const chance = random(options.seed);
  for (let number = 0; number < options.requests; number++) {
    const own = chance.fork();
    if (options.only !== undefined && options.only !== number) continue;
    yield [number, nextRequest(own, { scene, largest: options.largest })];
  }
}

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}
