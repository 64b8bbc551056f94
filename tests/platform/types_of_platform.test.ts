/** What is deployed has no type errors on the platform's Deno either, whose TypeScript is older. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { FUNCTIONS } from "../../local/repository.ts";
import { needing } from "../support/needs.ts";
import { findPlatformDeno, PLATFORM_DENO_ENVIRONMENT } from "../support/platform_deno.ts";

const { test } = await needing("the platform's Deno");

test("the functions' types hold on the platform's Deno", async () => {
  const deno = await findPlatformDeno({ fetches: false });
  assert(deno !== null);
  const directory = await Deno.makeTempDir();
  try {
    const { code, stderr } = await new Deno.Command(deno, {
      // It cannot read the lock file of newer ones.
      args: [
        "check",
        "--quiet",
        `--config=${FUNCTIONS}deno.json`,
        `--lock=${join(directory, "deno.lock")}`,
        ...["acquire-context", "execute-code", "terminate-context"].map((name) => `${FUNCTIONS}${name}/index.ts`),
      ],
      env: { NO_COLOR: "1", ...PLATFORM_DENO_ENVIRONMENT },
      stdin: "null",
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
