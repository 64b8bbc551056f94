/** `deno task soak [--minutes 10] [--json]`: what each part's memory comes to. Exit code 0 only without an error. */
import { parseArgs } from "node:util";
import { z } from "zod";
import { soak, type SoakFigures } from "./soak.ts";

/** In less, the slope is that of caches, pools and compilers that fill. */
const LEAST_MINUTES_FOR_SLOPE = 5;

const { values } = parseArgs({
  args: Deno.args,
  options: { minutes: { type: "string", default: "10" }, json: { type: "boolean", default: false } },
});
const { minutes, json } = z.object({ minutes: z.coerce.number().min(0.5), json: z.boolean() }).parse(values);

const figures = await soak(minutes, (message) => console.error(message));
if (json) console.log(JSON.stringify(figures, null, 2));
else print(figures);
if (Object.keys(figures.errors).length > 0) Deno.exitCode = 1;

function print({ minutes, memory, calls, errors, left }: SoakFigures): void {
  console.log("memory in MiB: the medians of the first and the last quarter, and the slope of all");
  if (minutes < LEAST_MINUTES_FOR_SLOPE) {
    console.log(`In under ${LEAST_MINUTES_FOR_SLOPE} minutes the slope says nothing of whether it grows.`);
  }
  console.table(Object.fromEntries(
    Object.entries(memory).map(([part, { first, last, slope_per_hour }]) => [
      part,
      { first: round(first), last: round(last), "an hour": round(slope_per_hour) },
    ]),
  ));
  console.table({ "calls": calls });
  console.log(`left: ${left.active} active contexts, ${left.alive} sandboxes alive`);
  for (const [message, count] of Object.entries(errors)) console.log(`${count} times: ${message}`);
}

function round(mebibytes: number): number {
  return Math.round(mebibytes * 10) / 10;
}
