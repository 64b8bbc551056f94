/** The lock file: what was installed, so that upgrade, diff and uninstall know what is ours and what was edited since. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { z } from "zod";
import { asLines } from "./line_ends.ts";
import { Refusal } from "./refusal.ts";

export const LOCK_FILE = "supabase/execution-contexts.lock.json";

const lockSchema = z.strictObject({
  /** The release that is installed. */
  version: z.string(),
  /** The name of the view in `public`. */
  view: z.string(),
  /** Functions that were left out on request. */
  without: z.array(z.string()),
  /** The functions, by name. */
  functions: z.array(z.string()),
  files: z.record(
    z.string(),
    z.strictObject({
      sha256: z.string(),
      /** The file as it was installed, gzip in base64: what a merge with later edits begins from. */
      base: z.base64(),
    }),
  ),
  /** What was put into files that are the app's, by the file's path. */
  blocks: z.record(z.string(), z.string()),
  /** Those of them that were not there before. */
  created: z.array(z.string()),
  /** Our migrations that the app's contain, with the hashes of their text. */
  migrations: z.record(z.string(), z.string()),
  /** What they make in `public`, by name. */
  objects: z.strictObject({ relations: z.array(z.string()), functions: z.array(z.string()) }),
});
export type Lock = z.infer<typeof lockSchema>;

/** @throws Refusal when it is no lock file, or one of another format */
export function parseLock(text: string): Lock {
  try {
    return lockSchema.parse(JSON.parse(text));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : "it is not JSON";
    throw new Refusal([`${LOCK_FILE}: cannot be read: ${why}. Take it from your version control as it was installed.`]);
  }
}

export function formatLock(lock: Lock): string {
  return `${JSON.stringify(lock, null, 2)}\n`;
}

export function hash(text: string): string {
  return createHash("sha256").update(asLines(text)).digest("hex");
}

export function lockedFile(text: string): Lock["files"][string] {
  return { sha256: hash(text), base: gzipSync(text, { level: 9 }).toString("base64") };
}

export function baseOf(file: Lock["files"][string]): string {
  return gunzipSync(Buffer.from(file.base, "base64")).toString("utf8");
}
