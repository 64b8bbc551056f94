/**
 * What a worker's process is told, on its standard input, one command a line. Without zod: what the process imports
 * itself is evaluated before its function is, and would be missing in what the function's evaluation costs.
 */

import type { EndReason } from "./events.ts";

export type Command =
  /** The modules are loaded, and the clock for CPU time is set: evaluate them. */
  | { readonly command: "evaluate" }
  | { readonly command: "beforeunload"; readonly reason: EndReason }
  /** Its process has grown to what may be too much: look how much of that is JavaScript's. */
  | { readonly command: "look_at_memory" }
  /** No more requests will come: end once nothing is open. */
  | { readonly command: "drop" };

/** @throws {SyntaxError | TypeError} when the line is none: only the main worker writes here */
export function readCommand(line: string): Command {
  const { command, reason }: Record<string, unknown> = JSON.parse(line);
  if (command === "evaluate" || command === "look_at_memory" || command === "drop") return { command };
  const known: readonly EndReason[] = ["cpu", "memory", "wall_clock", "early_drop"];
  const named = known.find((one) => one === reason);
  if (command === "beforeunload" && named !== undefined) return { command, reason: named };
  throw new TypeError(`Not a command: ${line}`);
}
