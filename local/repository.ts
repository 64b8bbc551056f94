/** Where things lie in this repository. */

import { fileURLToPath } from "node:url";

export const REPOSITORY = path("../");
export const MIGRATIONS = path("../supabase/migrations/");
export const FUNCTIONS = path("../supabase/functions/");

/** For what the stack leaves to look at. Git ignores it; made when it is not there. */
export async function localDirectory(): Promise<string> {
  const directory = path("../.local/");
  await Deno.mkdir(directory, { recursive: true });
  return directory;
}

function path(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}
