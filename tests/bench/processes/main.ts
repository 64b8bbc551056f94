/** `deno task bench:processes [--processes 1,2,4] [--seconds 10] [--json]`: warm calls a second, by function processes. */
import { parseArgs } from "node:util";
import { z } from "zod";
import { measureProcesses, type ProcessFigures } from "./measure.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    processes: { type: "string", default: "1,2,4" },
    seconds: { type: "string", default: "10" },
    json: { type: "boolean", default: false },
  },
});
const { processes, seconds, json } = z.object({
  processes: z.string().transform((text) => text.split(",")).pipe(
    z.array(z.coerce.number<string>().int().min(1).max(32)).nonempty(),
  ),
  seconds: z.coerce.number().positive(),
  json: z.boolean(),
}).parse(values);

const figures: Record<string, ProcessFigures> = {};
for (const count of processes) {
  console.error(`Measuring with ${count} function processes`);
  figures[count] = await measureProcesses(count, seconds * 1000);
}
if (json) console.log(JSON.stringify({ cores: navigator.hardwareConcurrency, figures }, null, 2));
else {
  console.log(`${navigator.hardwareConcurrency} cores, which the callers and all other parts share; milliseconds`);
  console.table(Object.fromEntries(
    Object.entries(figures).flatMap(([count, { acquire, execute }]) =>
      Object.entries({ acquire, execute }).map(([call, { per_second, p50_ms, p95_ms }]) => [
        `${call}, ${count} ${count === "1" ? "process" : "processes"}`,
        { "a second": Math.round(per_second), p50: Math.round(p50_ms), p95: Math.round(p95_ms) },
      ])
    ),
  ));
}
