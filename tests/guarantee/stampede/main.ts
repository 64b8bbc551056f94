/** `deno task stampede [--rounds 100] [--callers 100] [--processes 4]`: exit code 0 only if no round misses. */
import { parseArgs } from "node:util";
import { z } from "zod";
import { startStack } from "../../../local/stack.ts";
import { onLostSandbox, onNewPath, onOwnPaths } from "./stampede.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    rounds: { type: "string", default: "100" },
    callers: { type: "string", default: "100" },
    processes: { type: "string", default: "4" },
  },
});
const { rounds, callers, processes } = z.record(z.string(), z.coerce.number().int().positive()).parse(values);

await using stack = await startStack({
  functions: processes,
  env: { TENANT_QUOTA: "1000000", TENANT_CREATES_PER_MINUTE: "1000000" },
});
const kinds = [
  { name: "a new path", run: onNewPath, creates: 1 },
  { name: "a path whose sandbox was just killed", run: onLostSandbox, creates: 1 },
  { name: `${callers} new paths`, run: onOwnPaths, creates: callers },
];
for (const { name, run, creates } of kinds) {
  let missed = 0;
  let created = 0;
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const started = performance.now();
    const result = await run(stack, callers);
    times.push(performance.now() - started);
    created += result.creates;
    const hit = result.creates === creates && result.ok === callers && result.contexts === creates;
    if (!hit) {
      missed++;
      console.log(JSON.stringify({ round, ...result }));
    }
  }
  const median = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)];
  console.log(
    `${callers} callers, ${processes} processes, ${name}: ${rounds} rounds, ${created / rounds} creates a round, ` +
      `${missed} missed, median ${Math.round(median)} ms`,
  );
  if (missed > 0) Deno.exitCode = 1;
}
