/** `deno task bench:boot [--rounds 20] [--json]`: from a process's start to its first answer, beside a bare function's. */
import { parseArgs } from "node:util";
import { z } from "zod";
import { median, medianRatio } from "../statistics.ts";
import { findDenos } from "../denos.ts";
import { type Start, start } from "./measure.ts";
import { BARE, makeVariants, type Variant } from "./variants.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: { rounds: { type: "string", default: "20" }, json: { type: "boolean", default: false } },
});
const { rounds, json } = z.object({ rounds: z.coerce.number().int().min(1), json: z.boolean() }).parse(values);

const directory = await Deno.makeTempDir();
try {
  const variants = await makeVariants(await findDenos(), directory);
  const starts = new Map<Variant, Start[]>(variants.map((variant) => [variant, []]));
  // In turn: what slows the machine for a while slows all of them. The first round fills the caches.
  for (let round = 0; round <= rounds; round++) {
    for (const [variant, measured] of starts) {
      const one = await start(variant);
      if (round > 0) measured.push(one);
    }
  }
  const answered = (variant: Variant) => (starts.get(variant) ?? []).map((one) => one.answered);
  const figures = variants.map((variant) => {
    const { name, form, deno, bytes } = variant;
    const bare = variants.find((other) => other.name === BARE && other.form === form && other.deno === deno);
    const computing = (of: "evaluation" | "request") =>
      round(median((starts.get(variant) ?? []).map((one) => one[of] ?? NaN)));
    return {
      function: name,
      form,
      deno: deno.version,
      first_answer_ms: round(median(answered(variant))),
      times_bare: bare ? Math.round(100 * medianRatio(answered(variant), answered(bare))) / 100 : NaN,
      evaluation_cpu_ms: computing("evaluation"),
      first_request_cpu_ms: computing("request"),
      kilobytes: bytes === undefined ? null : Math.round(bytes / 1000),
    };
  });
  if (json) console.log(JSON.stringify(figures, null, 2));
  else console.table(figures);
} finally {
  await Deno.remove(directory, { recursive: true });
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}
