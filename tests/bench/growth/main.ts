/** `deno task bench:growth [--rows 1000,100000,2000000] [--rounds 300] [--json]`: what a long history costs each call. */
import { parseArgs } from "node:util";
import { z } from "zod";
import { type GrowthFigures, measureGrowth } from "./measure.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    rows: { type: "string", default: "1000,100000,2000000" },
    rounds: { type: "string", default: "300" },
    json: { type: "boolean", default: false },
  },
});
const { rows, rounds, json } = z.object({
  rows: z.string().transform((text) => text.split(",")).pipe(
    z.array(z.coerce.number<string>().int().min(1000)).nonempty(),
  ),
  rounds: z.coerce.number().int().min(10),
  json: z.boolean(),
}).parse(values);

const figures = await measureGrowth({ rows, rounds, onProgress: (message) => console.error(message) });
if (json) console.log(JSON.stringify(figures, null, 2));
else print(figures);

function print({ operations, sequential_scans }: GrowthFigures): void {
  const table: Record<string, Record<string, string>> = {};
  for (const [name, { points, ratio }] of Object.entries(operations)) {
    const row: Record<string, string> = {};
    for (const { active, ended, p50_ms, p95_ms } of points) {
      row[`${active} active, ${ended} ended`] = `${p50_ms.toFixed(2)} / ${p95_ms.toFixed(2)}`;
    }
    table[name] = { ...row, "largest of smallest": ratio.toFixed(2) };
  }
  console.log("p50 / p95 in milliseconds");
  console.table(table);
  console.log(`whole tables read: ${sequential_scans}`);
}
