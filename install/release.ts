/** What this copy of the project brings into an app: functions, what they share, migrations, settings. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { asLines } from "./line_ends.ts";
import { type Migration, readMigrations } from "./migration.ts";
import { VERSION } from "../supabase/functions/_shared/version.ts";

/** The folder of what the functions share, under an app's `supabase/functions`: `_shared` is likely to be theirs. */
export const SHARED = "_execution-contexts";

export interface Release {
  readonly version: string;
  /** What was left out of it. */
  readonly without: readonly string[];
  /** The names of the functions. */
  readonly functions: readonly string[];
  /** Their texts, by the path in the app. */
  readonly files: ReadonlyMap<string, string>;
  readonly migrations: readonly Migration[];
  /** The functions' `.env.example`. */
  readonly settings: string;
}

/** Where `supabase/` lies: beside this module's folder, in a clone as in the package. */
const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** Functions that the others do without: an app may have one of that name. */
export const OPTIONAL = ["mcp"] as const;

/** @param without functions that are left out */
export async function readRelease(without: readonly string[] = []): Promise<Release> {
  const source = join(ROOT, "supabase", "functions");
  const names = (await readdir(source, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("_") && !without.includes(entry.name)).map((
      { name },
    ) => name).sort();
  const imports = await read(join(source, "deno.json"));
  const files = new Map<string, string>();
  for (const name of names) {
    const index = await read(join(source, name, "index.ts"));
    files.set(`supabase/functions/${name}/index.ts`, index.replaceAll('"../_shared/', `"../${SHARED}/`));
    files.set(`supabase/functions/${name}/deno.json`, imports);
  }
  // Editors, and workspaces of all functions' folders, look for imports where a file lies.
  files.set(`supabase/functions/${SHARED}/deno.json`, imports);
  for (const path of await modules(join(source, "_shared"))) {
    files.set(`supabase/functions/${SHARED}/${path}`, await read(join(source, "_shared", path)));
  }
  const settings = await read(join(source, ".env.example"));
  return {
    version: VERSION,
    without,
    functions: names,
    files,
    migrations: await readMigrations(join(ROOT, "supabase", "migrations")),
    settings,
  };
}

async function modules(directory: string): Promise<string[]> {
  const paths = await readdir(directory, { recursive: true });
  return paths.map((path) => path.replaceAll("\\", "/")).filter((path) => path.endsWith(".ts")).sort();
}

async function read(file: string): Promise<string> {
  return asLines(await readFile(file, "utf8"));
}
