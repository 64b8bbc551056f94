/** Says something to the main worker, at once. */

import type { Report } from "./reports.ts";

/** As `reports.ts` reads it, which is not imported for its zod. */
export function report(said: Report): void {
  const bytes = new TextEncoder().encode(`\x1e${JSON.stringify(said)}\n`);
  for (let written = 0; written < bytes.length;) written += Deno.stdout.writeSync(bytes.subarray(written));
}
