/** `deno task bench:load [--only TEXT] [--json]`: what the worst that code may do costs the function's process, on both Denos. */
import { parseArgs } from "node:util";
import { startStack } from "../../../local/stack.ts";
import { CASES } from "./cases.ts";
import { findDenos } from "../denos.ts";
import { type Load, measure } from "./measure.ts";
import { startScriptedSandbox } from "./sandbox.ts";

const { values: { only, json } } = parseArgs({
  args: Deno.args,
  options: { only: { type: "string", default: "" }, json: { type: "boolean", default: false } },
});

const cases = Object.entries(CASES).filter(([name]) => name.includes(only));
if (cases.length === 0) {
  console.error(`--only ${only}: none of the cases has that in its name:\n${Object.keys(CASES).join("\n")}`);
  Deno.exit(2);
}

await using stack = await startStack({ env: { TENANT_QUOTA: "1000" } });
await using sandbox = await startScriptedSandbox();
const figures: Record<string, Record<string, Load>> = {};
for (const deno of await findDenos()) {
  const measured: Record<string, Load> = figures[deno.version] = {};
  for (const [name, one] of cases) measured[name] = await measure(deno, stack, sandbox, one);
  if (!json) {
    console.log(`Deno ${deno.version}`);
    console.table(measured);
  }
}
if (json) console.log(JSON.stringify(figures, null, 2));
