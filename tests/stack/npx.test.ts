import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { spawnChild } from "../../local/child.ts";
import { needing } from "../support/needs.ts";
import { makeRepository, ready } from "./repository.ts";

const { test } = await needing("Node.js");

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  test(`a stack that npx started ends when npx alone gets ${signal}`, async () => {
    const repository = await makeRepository();
    try {
      const npx = spawnChild({
        name: "like_npx.mjs",
        command: "node",
        args: [
          fileURLToPath(new URL("fixtures/like_npx.mjs", import.meta.url)),
          // The shell has more to do after it, or it would give way to it.
          `'${Deno.execPath()}' task start --port 0; exit $?`,
        ],
        cwd: repository,
        env: { ...Deno.env.toObject(), NO_COLOR: "1" },
      });
      await npx.line(ready);
      const file = join(repository, ".local", "stack.json");
      const { API_URL, DB_URL } = JSON.parse(await Deno.readTextFile(file));
      Deno.kill(npx.pid, signal);
      // It has ended when nothing holds its output any more: not before the last of those whom it started has ended.
      await npx.exited;
      await npx.stop();
      await assert.rejects(Deno.stat(file), Deno.errors.NotFound);
      for (const url of [API_URL, DB_URL]) {
        const { port } = new URL(url);
        await assert.rejects(
          Deno.connect({ hostname: "127.0.0.1", port: Number(port) }),
          Deno.errors.ConnectionRefused,
        );
      }
    } finally {
      await Deno.remove(repository, { recursive: true });
    }
  });
}

test("a stack whose npx has ended before it could look ends, too", async () => {
  const repository = await makeRepository();
  try {
    const npx = spawnChild({
      name: "sh",
      command: "/bin/sh",
      // Nobody waits for it: whoever adopts it did not start it.
      args: ["-c", `'${Deno.execPath()}' task start --port 0 </dev/null & exit 0`],
      cwd: repository,
      env: { ...Deno.env.toObject(), NO_COLOR: "1", npm_command: "exec" },
    });
    assert.equal((await npx.exited).code, 0);
    await assert.rejects(Deno.stat(join(repository, ".local", "stack.json")), Deno.errors.NotFound);
  } finally {
    await Deno.remove(repository, { recursive: true });
  }
});
