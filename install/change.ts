/** What is done to an app's files: shown, then done, all of it or nothing. */
import { mkdir, rename, rm, rmdir, unlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Refusal } from "./refusal.ts";
import type { App } from "./app.ts";

export interface Change {
  /** Relative to the app, with slashes. */
  readonly path: string;
  /** Null: there is no such file. */
  readonly before: string | null;
  readonly after: string | null;
  /** What is done, where "changes" says too little. */
  readonly note?: string;
}

/** One line a change, those of one folder together. */
export function describe(changes: readonly Change[]): string[] {
  const lines: string[] = [];
  const folders = new Map<string, number>();
  for (const { path, before, after, note } of changes) {
    const [, folder] = /^(supabase\/functions\/[^/]+)\//.exec(path) ?? [];
    const verb = before === null ? "add" : after === null ? "remove" : "change";
    if (folder === undefined || verb === "change") {
      lines.push(`  ${verb.padEnd(6)}  ${path}${note === undefined ? "" : `  (${note})`}`);
    } else {
      const key = `  ${verb.padEnd(6)}  ${folder}/`;
      folders.set(key, (folders.get(key) ?? 0) + 1);
    }
  }
  return [...[...folders].map(([key, count]) => `${key}  (${count} file${count === 1 ? "" : "s"})`), ...lines];
}

/**
 * Makes all changes, or none where one fails.
 *
 * @throws Refusal when a file is not what it was when the changes were made up
 */
export async function apply(app: App, changes: readonly Change[]): Promise<void> {
  for (const { path, before } of changes) {
    if (await app.read(path) !== before) throw new Refusal([`${path}: has changed meanwhile. Try again.`]);
  }
  const done: Change[] = [];
  try {
    for (const change of changes) {
      await put(app.directory, change.path, change.after);
      done.push(change);
    }
  } catch (error) {
    for (const { path, before } of done.reverse()) await put(app.directory, path, before);
    throw error;
  }
}

/** Whoever reads the file finds the old text or the new one. */
async function put(directory: string, path: string, text: string | null): Promise<void> {
  const file = join(directory, path);
  if (text === null) {
    await unlink(file);
    await removeEmpty(directory, dirname(path));
    return;
  }
  await mkdir(dirname(file), { recursive: true });
  const draft = `${file}.${crypto.randomUUID()}`;
  try {
    await writeFile(draft, text);
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** Folders of functions that hold nothing any more. */
async function removeEmpty(directory: string, path: string): Promise<void> {
  if (!path.startsWith("supabase/functions/")) return;
  try {
    await rmdir(join(directory, path));
  } catch (error) {
    // Something of theirs is in it.
    if (error instanceof Error && "code" in error && error.code === "ENOTEMPTY") return;
    throw error;
  }
  await removeEmpty(directory, dirname(path));
}
