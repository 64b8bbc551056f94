import type { Stopwatch } from "./stopwatch.ts";

/** One way to do what is measured. */
export interface Way {
  readonly name: string;
  /** Does it, and marks what a caller waits for. Returns what has to be undone, which nobody measures. */
  readonly run: (watch: Stopwatch) => Promise<void | (() => Promise<unknown>)>;
}

/** What is marked. */
export const FIRST_OUTPUT = "first output";
export const ANSWER = "answer";
