/** `deno task start --app DIR`: what the stack runs in the place of this repository's own migrations and functions. */

import { join, resolve } from "node:path";
import { parseEnv } from "node:util";
import { type FunctionGroup, listProjectFunctions } from "./functions/project.ts";

export interface App {
  readonly migrationsDirectory: string;
  readonly functions: readonly FunctionGroup[];
  /** Of `supabase/functions/.env`. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Reads a Supabase project; writes nothing there.
 * @param directory the folder that has `supabase/` in it
 * @throws {Error} when it has none, or naming the file that cannot be read
 */
export async function readApp(directory: string): Promise<App> {
  const project = resolve(directory);
  const supabase = join(project, "supabase");
  try {
    if (!(await Deno.stat(supabase)).isDirectory) throw new Deno.errors.NotFound();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new Error(`--app: there is no folder ${supabase}`);
    throw error;
  }
  return {
    migrationsDirectory: join(supabase, "migrations"),
    functions: await listProjectFunctions(project),
    env: await readEnvironment(join(supabase, "functions", ".env")),
  };
}

async function readEnvironment(file: string): Promise<Record<string, string>> {
  try {
    const entries = Object.entries(parseEnv(await Deno.readTextFile(file)));
    return Object.fromEntries(entries.flatMap(([name, value]) => value === undefined ? [] : [[name, value]]));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
}
