/** `deno task chaos [--seconds 60] [--processes 4] [--seed N] [--json]`: exit code 0 only without a violation. */
import { parseArgs } from "node:util";
import { z } from "zod";
import { chaos, type ChaosReport } from "./chaos.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    seconds: { type: "string", default: "60" },
    processes: { type: "string", default: "4" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
    json: { type: "boolean", default: false },
  },
});
const flags = z.object({
  seconds: z.coerce.number().positive(),
  processes: z.coerce.number().int().min(1).max(32),
  seed: z.coerce.number().int(),
  json: z.boolean(),
}).parse(values);

const report = await chaos({
  ...flags,
  paths: 8,
  clientsPerPath: 3,
  races: [2, 10, 100],
  onProgress: (message) => console.error(message),
});
console.log(flags.json ? JSON.stringify(report, null, 2) : inWords(report));
if (report.violations > 0) Deno.exitCode = 1;

function inWords(report: ChaosReport): string {
  const faults = Object.entries(report.faults).map(([kind, count]) => `${kind} ${count}`).join(", ");
  const races = report.races.ours.map(({ callers, creates, orphans }, index) => {
    const theirs = report.races.baseline[index];
    return `  ${callers} callers: ${creates} created, ${orphans} orphans; baseline: ${theirs.creates} created, ${theirs.orphans} orphans`;
  });
  return [
    `operations         ${report.operations}`,
    `faults             ${faults}`,
    `processes killed   ${report.kills}`,
    `errors             ${report.retryable_errors} retryable, ${report.fatal_errors} not`,
    `longest orphan     ${report.orphan_seconds_max} s`,
    `after the bound    ${report.active_rows} active contexts, ${report.sandboxes_alive} sandboxes alive`,
    `violations         ${report.violations}`,
    ...report.violation_details.map((detail) => `  ${detail}`),
    "new path",
    ...races,
    `seed               ${report.seed}`,
  ].join("\n");
}
