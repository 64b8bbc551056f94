/** What is deployed has no type errors on the platform's Deno either, whose TypeScript is older. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { findPlatformDeno, lockForPlatformDeno } from "../../local/functions/edge/platform_deno.ts";
import { FUNCTIONS, REPOSITORY } from "../../local/repository.ts";

Deno.test("the functions' types hold on the platform's Deno", async () => {
  const { binary, environment } = await findPlatformDeno();
  const lockFile = await Deno.makeTempFile({ suffix: ".lock" });
  try {
    await Deno.writeTextFile(lockFile, lockForPlatformDeno(await Deno.readTextFile(join(REPOSITORY, "deno.lock"))));
    const { code, stderr } = await new Deno.Command(binary, {
      args: [
        "check",
        "--quiet",
        `--config=${FUNCTIONS}deno.json`,
        `--lock=${lockFile}`,
        ...["acquire-context", "execute-code", "mcp", "terminate-context"].map((name) =>
          `${FUNCTIONS}${name}/index.ts`
        ),
      ],
      env: { ...environment, NO_COLOR: "1" },
      stdin: "null",
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
  } finally {
    await Deno.remove(lockFile);
  }
});
