/**
 * `deno task bench:idle [--paths 100] [--json]`: what a day of paths that are used for ten minutes in the morning and in
 * the evening costs at E2B, with sleep and without, by the ledger of a day whose clock is moved by hand.
 */
import { parseArgs } from "node:util";
import { z } from "zod";
import { day, type Plan } from "./day.ts";

const WEEK = 7 * 24 * 60 * 60;
const PLANS: readonly Plan[] = [
  { name: "ends after 30 minutes (keep 0)", ttlSeconds: 1800, keepSeconds: 0 },
  { name: "awake from morning to evening (keep 0)", ttlSeconds: 10 * 60 * 60, keepSeconds: 0 },
  { name: "sleeps after 30 minutes, the default", ttlSeconds: 1800, keepSeconds: WEEK },
  { name: "sleeps after 5 minutes", ttlSeconds: 300, keepSeconds: WEEK },
];
/** E2B's list price of 2 vCPU and 512 MiB, in dollars a second (e2b.dev/docs/faq/calculate-sandbox-price). */
const DOLLARS = 2 * 0.000014 + 0.5 * 0.0000045;

const { values } = parseArgs({
  options: { paths: { type: "string", default: "100" }, json: { type: "boolean", default: false } },
});
const paths = z.coerce.number().int().min(1).parse(values.paths);

const rows = [];
for (const plan of PLANS) {
  const { awakeSeconds, kept } = await day(paths, plan);
  rows.push({
    plan: plan.name,
    hours_awake: Math.round(awakeSeconds / 360) / 10,
    dollars: Math.round(awakeSeconds * DOLLARS * 100) / 100,
    variables_kept: kept,
  });
}
if (values.json) console.log(JSON.stringify({ paths, rows }, null, 2));
else console.table(rows);
Deno.exit();
