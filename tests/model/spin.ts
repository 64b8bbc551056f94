/** Checks the model with Spin: each state that can be reached, or up to the first one that is wrong. */
import { fileURLToPath } from "node:url";

const MODEL = fileURLToPath(new URL("contexts.pml", import.meta.url));

/** How much can happen in a run of the model. */
export interface Bounds {
  /** Contexts that are ever claimed: 2 to 4. */
  readonly contexts: number;
  readonly requests: number;
  /** Deaths, lost answers, errors of E2B's, lost sandboxes, and holders who are too slow. */
  readonly faults: number;
}

/**
 * What is looked for. `states`: one in which a property is broken, or in which somebody is stuck. `runs`: one that never
 * comes to an end; where there is none, and no such state, every run comes to a good end.
 */
export type Aim = "states" | "runs";

export interface Verdict {
  /** The property that is broken, as the model names it; "ENDLESS", a run without an end; null: nothing is wrong. */
  readonly broken: string | null;
  /** How many different states were seen. */
  readonly states: number;
  /** The most steps from the beginning. */
  readonly depth: number;
  readonly megabytes: number;
  /** Of the search, without compilation. */
  readonly seconds: number;
}

/** Steps, of which a run of the model has some 150. */
const MOST_DEPTH = 10_000;
const MOST_MEGABYTES = 4_000;
/** Of the table of states: 2^25 slots. */
const TABLE = 25;

/** @throws Error where Spin or the compiler fails, or the search could not be finished */
export async function check(bounds: Bounds, aim: Aim, mutation?: string): Promise<Verdict> {
  const folder = await Deno.makeTempDir();
  try {
    const { contexts, requests, faults } = bounds;
    const defined = [`-DROWS=${contexts}`, `-DREQUESTS=${requests}`, `-DFAULTS=${faults}`];
    await run(folder, "spin", ["-a", ...defined, ...mutation ? [`-D${mutation}`] : [], MODEL]);
    const searched = aim === "states" ? ["-DSAFETY"] : ["-DNP", "-DNOFAIR"];
    // What is searched to its end is worth a better compilation; what is broken is found soon.
    const effort = mutation === undefined ? "-O2" : "-O0";
    await run(folder, "gcc", [effort, "-w", ...searched, `-DMEMLIM=${MOST_MEGABYTES}`, "-o", "pan", "pan.c"]);
    const began = performance.now();
    const options = [`-m${MOST_DEPTH}`, `-w${TABLE}`, ...aim === "runs" ? ["-l"] : []];
    const said = await run(folder, `${folder}/pan`, options);
    const seconds = (performance.now() - began) / 1000;
    return { ...read(said, await properties()), seconds };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The names of the model's properties, by their numbers. */
export async function properties(): Promise<Map<string, string>> {
  const model = await Deno.readTextFile(MODEL);
  return new Map(Array.from(model.matchAll(/^#define ([A-Z_]+) (\d+) \/\*/gm), ([, name, number]) => [number, name]));
}

function read(said: string, names: Map<string, string>): Omit<Verdict, "seconds"> {
  const number = (pattern: RegExp) => {
    const [, found] = pattern.exec(said) ?? [];
    if (found === undefined) throw new Error(`Spin's search says no ${pattern.source}:\n${said}`);
    return Number(found);
  };
  const errors = number(/errors: (\d+)/);
  // What was cut short has proved nothing.
  if (/max search depth too small|out of memory|reached -DMEMLIM|Search interrupted/.test(said)) throw new Error(said);
  return {
    broken: errors === 0 ? null : nameOf(said, names),
    states: number(/^\s*(\S+) states, stored/m),
    depth: number(/depth reached (\d+)/),
    megabytes: Math.round(number(/(\S+)\s+total actual memory usage/)),
  };
}

function nameOf(said: string, names: Map<string, string>): string {
  if (/^pan:\d+: invalid end state/m.test(said)) return "NOT_STUCK";
  if (/^pan:\d+: non-progress cycle/m.test(said)) return "ENDLESS";
  const [, number = ""] = /^pan:\d+: assertion violated .*\|\|\((\d+)==0\)\)/m.exec(said) ?? [];
  const name = names.get(number);
  if (name === undefined) throw new Error(`Spin found what is no property of the model:\n${said}`);
  return name;
}

async function run(cwd: string, command: string, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args, cwd }).output();
  const text = new TextDecoder();
  const said = text.decode(stdout);
  if (code !== 0) throw new Error(`${command} ended with ${code}:\n${said}${text.decode(stderr)}`);
  return said;
}
