/** What the server and the process of a shell say to each other. */

import { z } from "zod";
import { resolvePath } from "../../machine/file_path.ts";
import type { UserName } from "../../machine/machine.ts";

const MAX_PATH_LENGTH = 4096;

const id = z.int();
const path = z.string().max(MAX_PATH_LENGTH).startsWith("/").refine((given) => resolvePath(given) === given);
const content = z.base64().transform((text) => Uint8Array.fromBase64(text));
const type = z.literal("file");

/** What a command wants of a file, or of a folder. */
const fileSchema = z.discriminatedUnion("op", [
  z.object({ type, id, op: z.literal("stat"), path }),
  z.object({ type, id, op: z.literal("list"), path }),
  z.object({ type, id, op: z.literal("read"), path }),
  z.object({ type, id, op: z.literal("write"), path, content }),
  z.object({ type, id, op: z.literal("append"), path, content }),
  z.object({ type, id, op: z.literal("touch"), path }),
  z.object({ type, id, op: z.literal("makeDirectory"), path, recursive: z.boolean() }),
  z.object({ type, id, op: z.literal("remove"), path, recursive: z.boolean(), force: z.boolean() }),
  z.object({ type, id, op: z.literal("move"), path, to: path }),
  z.object({ type, id, op: z.literal("setMode"), path, mode: z.int().min(0).max(0o177777) }),
]);

const messageSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ready") }),
  fileSchema,
  z.object({ type: z.literal("done"), code: z.int().min(0).max(255), stdout: content, stderr: content }),
]);

export type ShellMessage = z.infer<typeof messageSchema>;
export type FileQuestion = z.infer<typeof fileSchema>;

export interface Run {
  readonly script: string;
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string>>;
  /** The number that the command believes to have. */
  readonly pid: number;
  readonly user: UserName;
}

export type ShellCommand =
  /** `stdin` is in Base64. */
  | { readonly type: "run"; readonly stdin: string } & Run
  | { readonly type: "answer"; readonly id: number } & FileAnswer;

export type FileAnswer =
  | { readonly value: unknown }
  | { readonly error: { readonly code: string; readonly message: string } };

/**
 * What a line of a shell says.
 * @throws when it is no message: a shell that does not keep to the protocol is not one
 */
export function parseShellMessage(line: string): ShellMessage {
  return messageSchema.parse(JSON.parse(line));
}
