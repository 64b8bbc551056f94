/** What a worker's process says to the main worker, among the lines that its function prints. */

import { z } from "zod";

const Report = z.discriminatedUnion("report", [
  /** The function's modules are loaded; it waits to be told to evaluate them. */
  z.object({ report: z.literal("loaded") }),
  z.object({ report: z.literal("ready"), port: z.int().positive() }),
  z.object({ report: z.literal("memory_reached") }),
]);
export type Report = z.infer<typeof Report>;

/** The mark of a JSON text among others (RFC 7464); a function has no reason to print it. */
const MARK = "\x1e";

/** Undefined for a line that the function printed. */
export function readReport(line: string): Report | undefined {
  return line.startsWith(MARK) ? Report.parse(JSON.parse(line.slice(MARK.length))) : undefined;
}
