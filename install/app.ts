/** Somebody's Supabase project, as it lies in a folder. */
import { readFile, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Lock, LOCK_FILE, parseLock } from "./lock.ts";
import { type Migration, readMigrations } from "./migration.ts";
import { Refusal } from "./refusal.ts";

export const CONFIG_FILE = "supabase/config.toml";
export const ENV_FILE = "supabase/functions/.env.example";

export interface App {
  /** An absolute path. */
  readonly directory: string;
  /** The text of `supabase/config.toml`. */
  readonly config: string;
  readonly migrations: readonly Migration[];
  /** What is installed there, or null. */
  readonly lock: Lock | null;
  /** A file's text, or null where there is none. The path is relative, with slashes. */
  read(path: string): Promise<string | null>;
}

/** @throws Refusal when there is no Supabase project, or this one itself */
export async function openApp(path: string): Promise<App> {
  if (!await isDirectory(path)) throw new Refusal([`${path}: there is no such folder.`]);
  const directory = await realpath(path);
  if (directory === await realpath(fileURLToPath(new URL("../", import.meta.url)))) {
    throw new Refusal([`${path}: is this project itself. Name the folder of your own.`]);
  }
  const read = (file: string) => readIfThere(join(directory, file));
  const config = await read(CONFIG_FILE);
  if (config === null) {
    throw new Refusal([`${path}: there is no ${CONFIG_FILE}. Make a project of it, there: npx supabase init`]);
  }
  const lock = await read(LOCK_FILE);
  const migrations = join(directory, "supabase", "migrations");
  return {
    directory,
    config,
    migrations: await isDirectory(migrations) ? await readMigrations(migrations) : [],
    lock: lock === null ? null : parseLock(lock),
    read,
  };
}

/** @throws Refusal when nothing is installed there */
export function lockOf(app: App): Lock {
  if (app.lock) return app.lock;
  throw new Refusal([`${app.directory}: nothing is installed there (it has no ${LOCK_FILE}).`]);
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}
