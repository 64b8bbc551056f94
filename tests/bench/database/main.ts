/** `deno task bench:database [--rows 2000000] [--json]`: figures, and which aims they meet. */
import { parseArgs } from "node:util";
import { z } from "zod";
import { inWords } from "./aims.ts";
import { measureDatabase } from "./measure.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    rows: { type: "string", default: "2000000" },
    json: { type: "boolean", default: false },
  },
});
const flags = z.object({
  // Fewer would leave some day of the history without a batch to delete.
  rows: z.coerce.number().int().min(40_000),
  json: z.boolean(),
}).parse(values);

const figures = await measureDatabase({ rows: flags.rows, onProgress: (message) => console.error(message) });
console.log(flags.json ? JSON.stringify(figures, null, 2) : inWords(figures));
