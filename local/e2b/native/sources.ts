/** What runs inside a sandbox, sent through its standard input: no folder of this machine has to be seen there. */

const PYTHON = new URL("./python/", import.meta.url);
/** What the kernels of both kinds of machines have in common. */
const SHARED = new URL("../pyodide/kernel/python/", import.meta.url);

const MODULES = {
  agent: ["files", "frames", "limits", "loop", "main", "programs", "watch"],
  kernel: ["charts", "guards", "main", "results", "shell", "tables"],
} as const;
const SHARED_MODULES = { agent: [], kernel: ["output"] } as const;

export type Role = keyof typeof MODULES;

/** How Python is told to take its program from its standard input. */
export async function bootCode(): Promise<string> {
  return await Deno.readTextFile(new URL("boot.py", PYTHON));
}

/** The program, as `bootCode` expects it. */
export async function program(role: Role): Promise<Uint8Array<ArrayBuffer>> {
  const read = async (name: string, folder: URL) => [
    `_sandbox.${name}`,
    await Deno.readTextFile(new URL(`${name}.py`, folder)),
  ];
  const modules = await Promise.all([
    ...MODULES[role].map((name) => read(name, new URL(`${role}/`, PYTHON))),
    ...SHARED_MODULES[role].map((name) => read(name, SHARED)),
  ]);
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries([["_sandbox", ""], ...modules])));
  return await new Blob([`${json.length}\n`, json]).bytes();
}
