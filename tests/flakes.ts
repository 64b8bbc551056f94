/**
 * `deno task flakes [--runs 5] [--loops 2]`: runs all tests several times beside loops that keep the machine busy, and
 * tells how long each run took and which tests failed in it. Exit code 0 only if none did.
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { z } from "zod";

const { values } = parseArgs({
  options: { runs: { type: "string", default: "5" }, loops: { type: "string", default: "2" } },
});
const { runs, loops } = z.record(z.string(), z.coerce.number().int().min(0)).parse(values);

const loop = `data:text/javascript,${encodeURIComponent("for (;;);")}`;
for (let count = 0; count < loops; count++) new Worker(loop, { type: "module" });
for (let run = 1; run <= runs; run++) {
  const started = performance.now();
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", fileURLToPath(new URL("main.ts", import.meta.url))],
    env: { NO_COLOR: "1" },
    stderr: "inherit",
  }).output();
  const output = new TextDecoder().decode(stdout);
  const failed = [...output.matchAll(/^(\.\/tests\/\S+ => .*) \.\.\. FAILED/gm)].map(([, name]) => name);
  const [closing = "no test was run"] = /^(?:(?:ok|FAILED) \||Given up:) .*$/m.exec(output) ?? [];
  console.log(`run ${run}: ${Math.round((performance.now() - started) / 1000)} s, ${closing}`);
  for (const name of failed) console.log(`  ${name}`);
  if (code !== 0) {
    const [errors = output] = /\n(?: ERRORS |Given up: )[^]*/.exec(output) ?? [];
    console.log(errors);
    Deno.exitCode = 1;
  }
}
// A loop does not always hear that its worker is to end.
Deno.exit();
