/** `deno task bench:stops [--rounds 20] [--json]`: whether each way to stop a run stops it, and how soon its kernel is free. */
import { parseArgs } from "node:util";
import { z } from "zod";
import { percentile } from "../statistics.ts";
import { measureStops } from "./measure.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: { rounds: { type: "string", default: "20" }, json: { type: "boolean", default: false } },
});
const { rounds, json } = z.object({ rounds: z.coerce.number().int().min(1), json: z.boolean() }).parse(values);

const figures: Record<string, Record<string, number>> = {};
for (const by of ["interrupt", "dropped connection"] as const) {
  for (const [name, { not_stopped, free_again }] of await measureStops(rounds, by)) {
    figures[`${name}; by ${by}`] = {
      rounds: free_again.length,
      not_stopped,
      p50_ms: Math.round(percentile(free_again, 50)),
      p95_ms: Math.round(percentile(free_again, 95)),
    };
  }
}
if (json) console.log(JSON.stringify(figures, null, 2));
else console.table(figures);
