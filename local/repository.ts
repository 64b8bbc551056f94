/** Where things lie in this repository. */

import { basename, join } from "node:path";
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

/**
 * What `deno task start --keep` keeps. An app's is named by the app and by where it lies, so that two of the same name
 * do not share it.
 * @param app the folder of the app that the stack runs; without it, it is this repository's own
 */
export async function keptDirectory(app?: string): Promise<string> {
  const kept = join(await localDirectory(), "kept");
  if (app === undefined) return join(kept, "own");
  const folder = await Deno.realPath(app);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(folder));
  return join(kept, `${basename(folder)}-${new Uint8Array(digest).slice(0, 4).toHex()}`);
}

function path(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}
