/** `deno task bench:latency [--rounds 30] [--json]`: what callers wait for, and which aims that meets. */
import { parseArgs } from "node:util";
import { z } from "zod";
import { inWords } from "./aims.ts";
import { measureLatency } from "./measure.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: { rounds: { type: "string", default: "30" }, json: { type: "boolean", default: false } },
});
const { rounds, json } = z.object({ rounds: z.coerce.number().int().min(1), json: z.boolean() }).parse(values);

const figures = await measureLatency(rounds, (message) => console.error(message));
console.log(json ? JSON.stringify(figures, null, 2) : inWords(figures));
