/** What runs inside a sandbox, sent through its standard input: no folder of this machine has to be seen there. */

import { basename } from "node:path";

const PYTHON = new URL("./python/", import.meta.url);
/** What the Python of both kinds of machines has in common. */
const OF_PYODIDE = new URL("../pyodide/kernel/python/", import.meta.url);

const OUTPUT = new URL("output.py", OF_PYODIDE);
const RESULTS = new URL("results.py", OF_PYODIDE);
const SERVER = new URL("shared/server.py", PYTHON);

/** How Python shows figures and data frames. */
const DISPLAY = ["axes", "bars", "boxes", "charts", "formats", "pies", "points", "tables", "values"];

/** How Python says all that it is, and becomes what another one was. */
const STATE = [
  "dumping",
  "history",
  "incoming",
  "named",
  "pickler",
  "rebuild",
  "reducers",
  "settings",
  "state",
  "uncarried",
];

/** The modules of each program: those in its own folder, and those that it shares. */
const PROGRAMS = {
  agent: {
    modules: ["files", "frames", "limits", "loop", "main", "pause", "processes", "programs", "tree", "watch"],
    shared: [],
  },
  python: { modules: [...DISPLAY, ...STATE, "guards", "main", "shell", "terminal"], shared: [OUTPUT, RESULTS, SERVER] },
  bash: { modules: ["main"], shared: [OUTPUT, SERVER] },
  jupyter: { modules: ["main"], shared: [OUTPUT, RESULTS, SERVER] },
} as const;

export type Role = keyof typeof PROGRAMS;

/** Read once: each sandbox and each kernel is started from them. */
const programs = new Map<Role, Promise<Uint8Array<ArrayBuffer>>>();
let boot: Promise<string> | undefined;

/** How Python is told to take its program from its standard input. */
export function bootCode(): Promise<string> {
  return boot ??= Deno.readTextFile(new URL("boot.py", PYTHON));
}

/** The program, as `bootCode` expects it. */
export function program(role: Role): Promise<Uint8Array<ArrayBuffer>> {
  const known = programs.get(role) ?? readProgram(role);
  programs.set(role, known);
  return known;
}

async function readProgram(role: Role): Promise<Uint8Array<ArrayBuffer>> {
  const { modules, shared } = PROGRAMS[role];
  const files = [...modules.map((name) => new URL(`${role}/${name}.py`, PYTHON)), ...shared];
  const sources = await Promise.all(
    files.map(async (file) => [`_sandbox.${basename(file.pathname, ".py")}`, await Deno.readTextFile(file)]),
  );
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries([["_sandbox", ""], ...sources])));
  return await new Blob([`${json.length}\n`, json]).bytes();
}
