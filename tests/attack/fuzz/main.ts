/**
 * `deno task fuzz [--requests 2000] [--seed N] [--only N] [--at-once 16] [--largest 8388608] [--json]`: exit code 0 only
 * if nothing broke. `--only` sends one request of a seed again, `--largest` is the size of the largest bodies.
 */
import { parseArgs } from "node:util";
import { z } from "zod";
import { connect } from "../../support/rows.ts";
import { startStack } from "../../../local/stack.ts";
import { ENVIRONMENT, fuzz, type FuzzReport } from "./fuzz.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    requests: { type: "string", default: "2000" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
    only: { type: "string" },
    "at-once": { type: "string", default: "16" },
    largest: { type: "string", default: String(8 * 2 ** 20) },
    json: { type: "boolean", default: false },
  },
});
const flags = z.object({
  requests: z.coerce.number().int().positive(),
  seed: z.coerce.number().int(),
  only: z.coerce.number().int().min(0).optional(),
  "at-once": z.coerce.number().int().min(1).max(100),
  largest: z.coerce.number().int().min(0),
  json: z.boolean(),
}).parse(values);

const lines: string[] = [];
await using stack = await startStack({ functions: 2, env: ENVIRONMENT, onLog: (line) => lines.push(line) });
const sql = connect(stack);
try {
  const report = await fuzz({ stack, sql, lines }, { ...flags, atOnce: flags["at-once"] });
  console.log(flags.json ? JSON.stringify(report, null, 2) : inWords(report));
  if (report.failures.length > 0) Deno.exitCode = 1;
} finally {
  await sql.end();
}

function inWords(report: FuzzReport): string {
  const listed = (counts: Record<string, number>) =>
    Object.entries(counts).sort(([, a], [, b]) => b - a).map(([name, count]) => `${name} ${count}`).join(", ");
  return [
    `requests   ${report.requests} in ${report.seconds} s, seed ${report.seed}`,
    `kinds      ${listed(report.kinds)}`,
    `outcomes   ${listed(report.outcomes)}`,
    `paths      ${report.paths}, each could run code again and end; ${report.sandboxes} sandboxes`,
    `bystander  ${report.bystander.calls} calls, the slowest ${report.bystander.worst_ms} ms`,
    `failures   ${report.failures.length}`,
    ...report.failures.map((failure) => `  ${failure}`),
  ].join("\n");
}
