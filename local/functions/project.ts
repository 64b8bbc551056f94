/** The functions of a Supabase project, as the Supabase CLI finds them. */

import { join, resolve } from "node:path";
import { parse as parseToml } from "smol-toml";
import { z } from "zod";
import { composeImportMap } from "./import_map.ts";

/** One function, and the module that it is. */
export interface EdgeFunction {
  readonly name: string;
  readonly entrypoint: string;
}

/** Functions that one process can serve, because they share an import map. */
export interface FunctionGroup {
  readonly functions: readonly EdgeFunction[];
  /** A URL; without it, this repository's own configuration holds. */
  readonly importMap?: string;
  /** What the functions may read. */
  readonly readable: string;
}

const Config = z.looseObject({
  functions: z.record(
    z.string(),
    z.looseObject({
      enabled: z.boolean().default(true),
      import_map: z.string().optional(),
      entrypoint: z.string().optional(),
    }),
  ).default({}),
});

/** The functions of a directory, all in one group, with this repository's configuration. */
export async function listFunctions(directory: string): Promise<FunctionGroup[]> {
  const names = await functionNames(directory);
  return [{
    functions: names.map((name) => ({ name, entrypoint: join(directory, name, "index.ts") })),
    readable: directory,
  }];
}

/**
 * The functions of another project, those with the same import map in one group.
 * @param project the folder that has `supabase/` in it
 * @throws {Error} naming the file, when `supabase/config.toml` or an import map cannot be read
 */
export async function listProjectFunctions(project: string): Promise<FunctionGroup[]> {
  const supabase = join(project, "supabase");
  const config = await readConfig(join(supabase, "config.toml"));
  const directory = join(supabase, "functions");
  const groups = new Map<string | null, EdgeFunction[]>();
  const configured = Object.entries(config.functions).filter(([, { entrypoint }]) => entrypoint !== undefined);
  const names = new Set([...await functionNames(directory), ...configured.map(([name]) => name)]);
  for (const name of [...names].sort()) {
    const { enabled = true, import_map, entrypoint } = config.functions[name] ?? {};
    if (!enabled) continue;
    const importMap = import_map === undefined ? await findImportMap(directory, name) : resolve(supabase, import_map);
    const group = groups.get(importMap) ?? [];
    group.push({ name, entrypoint: resolve(supabase, entrypoint ?? join(directory, name, "index.ts")) });
    groups.set(importMap, group);
  }
  return await Promise.all(
    [...groups].map(async ([importMap, functions]) => ({
      functions,
      importMap: await composeImportMap(importMap),
      readable: project,
    })),
  );
}

/** A folder is a function when the Supabase CLI would take it for one. */
async function functionNames(directory: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(directory)) {
      if (isDirectory && !name.startsWith("_") && await exists(join(directory, name, "index.ts"))) names.push(name);
    }
  } catch (error) {
    // A project without functions.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names.sort();
}

async function readConfig(file: string): Promise<z.infer<typeof Config>> {
  try {
    return Config.parse(parseToml(await Deno.readTextFile(file)));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return Config.parse({});
    throw new Error(`${file}: ${error instanceof z.ZodError ? z.prettifyError(error) : error}`, { cause: error });
  }
}

/** In the order in which the CLI looks. */
async function findImportMap(directory: string, name: string): Promise<string | null> {
  const files = [
    ...["deno.json", "deno.jsonc", "import_map.json"].map((file) => join(directory, name, file)),
    join(directory, "import_map.json"),
  ];
  for (const file of files) if (await exists(file)) return file;
  return null;
}

async function exists(file: string): Promise<boolean> {
  try {
    return (await Deno.stat(file)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
