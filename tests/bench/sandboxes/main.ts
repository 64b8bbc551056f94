/** `deno task bench:sandboxes [--rounds 5] [--json]`: what the local sandboxes take of time and memory, kernel by kernel. */
import { parseArgs } from "node:util";
import { z } from "zod";
import { KERNELS } from "../../../local/e2b/choose_kernel.ts";
import { prepareSnapshot } from "../../../local/e2b/server.ts";
import { findNativeKernels } from "../../../local/e2b/native/find.ts";
import { median } from "../statistics.ts";
import { FIGURES, measureRound, type Round } from "./measure.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: { rounds: { type: "string", default: "5" }, json: { type: "boolean", default: false } },
});
const { rounds, json } = z.object({ rounds: z.coerce.number().int().min(1), json: z.boolean() }).parse(values);

await prepareSnapshot((message) => console.error(message));
const hasNative = (await findNativeKernels()).outcome === "found";
const figures: Record<string, Record<string, number>> = {};
for (const kernel of KERNELS.filter((kernel) => kernel !== "native" || hasNative)) {
  const measured: Round[] = [];
  for (let round = 1; round <= rounds; round++) {
    console.error(`${kernel}, round ${round} of ${rounds}`);
    measured.push(await measureRound(kernel));
  }
  figures[kernel] = Object.fromEntries(
    FIGURES.map((
      { name, unit },
    ) => [name, median(measured.map((each) => each[name])) / (unit === "MiB" ? 2 ** 20 : 1)]),
  );
}
if (json) {
  console.log(JSON.stringify(figures, null, 2));
} else {
  console.log(`Medians of ${rounds}:`);
  for (const { name, unit, says } of FIGURES) {
    const each = Object.entries(figures).map(([kernel, of]) => {
      const value = of[name];
      return `${kernel} ${value === undefined || Number.isNaN(value) ? "cannot" : `${shown(value)} ${unit}`}`;
    });
    console.log(`${says}: ${each.join(", ")}`);
  }
}

function shown(value: number): string {
  return value < 10 ? value.toFixed(1) : value.toFixed(0);
}
