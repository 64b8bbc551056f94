/** `deno task bench:execute [--rounds 200] [--json]`: what execute-code adds to E2B's own SDK, on the same sandbox. */
import { parseArgs } from "node:util";
import { z } from "zod";
import { percentile } from "../statistics.ts";
import { measureExecute } from "./measure.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: { rounds: { type: "string", default: "200" }, json: { type: "boolean", default: false } },
});
const { rounds, json } = z.object({ rounds: z.coerce.number().int().min(10), json: z.boolean() }).parse(values);

const times = await measureExecute(rounds);
const figures = Object.fromEntries(
  Object.entries(times).map(([name, all]) => [
    name,
    { p50_ms: round(percentile(all, 50)), p95_ms: round(percentile(all, 95)), rounds: all.length },
  ]),
);
if (json) console.log(JSON.stringify(figures, null, 2));
else console.table(figures);

function round(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}
