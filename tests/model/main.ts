/** `deno task model [--only NAME]`: exit code 0 only if the protocol is sound and each way to break it is found. */
import { parseArgs } from "node:util";
import { SOUND } from "./bounds.ts";
import { MUTATIONS } from "./mutations.ts";
import { type Bounds, check, type Verdict } from "./spin.ts";

const { values: { only } } = parseArgs({ args: Deno.args, options: { only: { type: "string" } } });

const HEADER = [
  "| protocol                         | contexts, requests, faults | states      | depth | MB    | s     | finds       |",
  "| -------------------------------- | -------------------------- | ----------- | ----- | ----- | ----- | ----------- |",
];

function row(name: string, bounds: Bounds, { states, depth, megabytes, seconds, broken }: Verdict): string {
  const cells = [
    name.padEnd(32),
    `${bounds.contexts}, ${bounds.requests}, ${bounds.faults}`.padEnd(26),
    states.toLocaleString("en").padStart(11),
    String(depth).padStart(5),
    megabytes.toLocaleString("en").padStart(5),
    seconds.toFixed(1).padStart(5),
    (broken ?? "nothing").padEnd(11),
  ];
  return `| ${cells.join(" | ")} |`;
}

console.log(HEADER.join("\n"));
for (const { bounds, aim } of only === undefined ? SOUND : []) {
  const verdict = await check(bounds, aim);
  console.log(row(aim === "states" ? "as it is" : "as it is, endless runs", bounds, verdict));
  if (verdict.broken !== null) Deno.exitCode = 1;
}
for (const { name, bounds, breaks } of MUTATIONS.filter(({ name }) => only === undefined || name === only)) {
  const verdict = await check(bounds, "states", name);
  console.log(row(name, bounds, verdict));
  if (verdict.broken !== breaks) Deno.exitCode = 1;
}
