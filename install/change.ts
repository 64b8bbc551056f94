/** What is done to an app's files: shown, then done, all of it or nothing. */
import { constants } from "node:fs";
import { access, chmod, link, mkdir, realpath, rename, rm, rmdir, stat, unlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { App } from "./app.ts";
import { Refusal } from "./refusal.ts";

export interface Change {
  /** Relative to the app, with slashes. */
  readonly path: string;
  /** Null: there is no such file. */
  readonly before: string | null;
  readonly after: string | null;
  /** What is done, where "change" says too little. */
  readonly note?: string;
}

/** One line a change, those of one function's folder together. */
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
 * Makes all changes in their order, or none where one fails.
 *
 * @throws Refusal when a file is not what it was when the changes were made up
 */
export async function apply(app: App, changes: readonly Change[]): Promise<void> {
  for (const { path, before } of changes) {
    if (await app.read(path) !== before) throw changedMeanwhile(path);
  }
  const done: Change[] = [];
  try {
    for (const change of changes) {
      await make(app.directory, change);
      done.push(change);
    }
  } catch (error) {
    for (const { path, before, after } of done.reverse()) {
      await make(app.directory, { path, before: after, after: before });
    }
    throw error;
  }
}

async function make(directory: string, { path, before, after }: Change): Promise<void> {
  const file = join(directory, path);
  if (after === null) {
    await unlink(file);
    await removeEmpty(directory, dirname(path));
  } else if (before === null) {
    await add(file, path, after);
  } else {
    await replace(file, after);
  }
}

/** Whoever looks finds the whole file or none; and of two who add it at once, one does. */
async function add(file: string, path: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const draft = `${file}.${crypto.randomUUID()}`;
  try {
    await writeFile(draft, text);
    await link(draft, file);
  } catch (error) {
    throw error instanceof Error && "code" in error && error.code === "EEXIST" ? changedMeanwhile(path) : error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Whoever reads it finds the old text or the new one. What it is a link to, and who may read it, stays. */
async function replace(file: string, text: string): Promise<void> {
  const target = await realpath(file);
  await access(target, constants.W_OK);
  const draft = `${target}.${crypto.randomUUID()}`;
  try {
    await writeFile(draft, text);
    await chmod(draft, (await stat(target)).mode);
    await rename(draft, target);
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

function changedMeanwhile(path: string): Refusal {
  return new Refusal([`${path}: has changed meanwhile. Try again.`]);
}
