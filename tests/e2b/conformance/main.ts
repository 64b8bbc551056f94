/**
 * `deno task conformance --url URL [--sandbox-url URL]`: what the unchanged SDK makes of an E2B-compatible server, case
 * by case. Its key is `E2B_API_KEY` of the environment. Exit code 0 only if all cases hold.
 */
import { parseArgs } from "node:util";
import { Sandbox } from "@e2b/code-interpreter";
import { z } from "zod";
import { inSandbox } from "./case.ts";
import { CASES } from "./cases.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: { url: { type: "string" }, "sandbox-url": { type: "string" } },
});
const asked = z.object({ url: z.url(), "sandbox-url": z.url().optional() }).parse(values);
const apiKey = Deno.env.get("E2B_API_KEY");
if (apiKey === undefined) throw new Error("E2B_API_KEY is not set");
const connection = { apiKey, apiUrl: asked.url, sandboxUrl: asked["sandbox-url"] ?? asked.url };

let failed = 0;
for (const each of CASES) {
  try {
    await inSandbox(each, connection, (given) => Sandbox.create(given));
    console.log(`ok      ${each.name}`);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${each.name}${each.needs ? ` (needs ${each.needs.join(", ")})` : ""}\n        ${error}`);
  }
}
console.log(`${CASES.length - failed} of ${CASES.length} cases hold`);
Deno.exit(failed === 0 ? 0 : 1);
