import { z } from "zod";
import { homePath } from "../machine/file_path.ts";

/** Without one it is of the cell that runs: what a program says that a cell has started. */
const id = z.number().optional();
const format = z.unknown().optional();
const base64 = z.string().transform((text, context) => {
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    context.addIssue("not base64");
    return z.NEVER;
  }
});

/** What a kernel says. Code in a cell can forge any of it, but only to its own harm. */
const messageSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("count"), id, count: z.int() }),
  z.object({ type: z.literal("stdout"), id, text: z.string() }),
  z.object({ type: z.literal("stderr"), id, text: z.string() }),
  z.object({
    type: z.literal("result"),
    id,
    text: format,
    html: format,
    markdown: format,
    svg: format,
    png: format,
    jpeg: format,
    pdf: format,
    latex: format,
    json: format,
    javascript: format,
    data: format,
    chart: format,
    extra: z.record(z.string(), z.unknown()),
    is_main_result: z.boolean(),
  }),
  z.object({
    type: z.literal("error"),
    id,
    name: z.string(),
    value: z.string(),
    traceback: z.string(),
  }),
  z.object({ type: z.literal("file"), id, path: homePath, content: base64 }),
  z.object({ type: z.literal("directory"), id, path: homePath }),
  z.object({ type: z.literal("gone"), id, path: homePath }),
  // A kernel's answers to who wants to carry it; between cells, so each has its question's number.
  z.object({ type: z.literal("obstacle"), id: z.number(), what: z.string().max(500), why: z.string().max(500) }),
  z.object({ type: z.literal("piece"), id: z.number(), content: base64 }),
  // All of it in so many bytes, which come by another way.
  z.object({ type: z.literal("dumped"), id: z.number(), bytes: z.int().nonnegative() }),
  z.object({ type: z.literal("exit"), id }),
  z.object({ type: z.literal("done"), id }),
]);

export type KernelMessage = z.infer<typeof messageSchema>;

/** A change that a cell made to its files, told when the cell has ended. */
export type FileMessage = Extract<KernelMessage, { type: "file" | "directory" | "gone" }>;

/** What of a kernel is carried, or why nothing is. */
export type CarryMessage = Extract<KernelMessage, { type: "obstacle" | "piece" | "dumped" }>;

/** What is for who waits for a cell. */
export type CellMessage = Exclude<KernelMessage, FileMessage | CarryMessage | { type: "exit" }>;

/** Whether it is for the sandbox's files. */
export function isOfFile(message: KernelMessage): message is FileMessage {
  return message.type === "file" || message.type === "directory" || message.type === "gone";
}

export function isOfCarrying(message: KernelMessage): message is CarryMessage {
  return message.type === "obstacle" || message.type === "piece" || message.type === "dumped";
}

export type KernelCommand =
  // Not arguments of the process: a cell could read those, and they name folders of this machine.
  | { type: "boot"; language: "javascript" | "typescript"; parserUrl: string }
  | {
    type: "boot";
    pyodideUrl: string;
    snapshotPath: string | null;
    packages: { known: string; wheels: Record<string, string> };
    /** How many bytes follow, of the kernel that this one goes on from. */
    stateBytes: number;
  }
  | { type: "look"; id: number }
  /** What is more than `limit` bytes is an obstacle, where there is one. */
  | { type: "dump"; id: number; limit?: number }
  | { type: "configure"; environment: Record<string, string>; cwd: string }
  | { type: "file"; path: string; content: string }
  | { type: "directory" | "gone"; path: string }
  | { type: "execute"; id: number; code: string; silent: boolean }
  | { type: "interrupt"; id: number }
  /** Become what another one was: so many bytes follow. */
  | { type: "load"; id: number; bytes: number };

/** What one line of a kernel says, if anything. */
export function parseMessage(line: string): KernelMessage | null {
  try {
    return messageSchema.parse(JSON.parse(line));
  } catch {
    // Not ours: Pyodide's own console output, or a cell at play.
    return null;
  }
}
