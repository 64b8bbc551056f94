import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually } from "../support/settle.ts";
import { ended, makeRepository, ready, start } from "./repository.ts";

Deno.test("deno task start", async (t) => {
  const repository = await makeRepository();
  const file = join(repository, ".local", "stack.json");
  try {
    await t.step("says where the stack is, and takes that back on Ctrl-C", async (t) => {
      const child = start(repository, "--port", "0", "--functions", "2");
      await child.line(ready);
      const environment = JSON.parse(await Deno.readTextFile(file));
      const { mode } = await Deno.stat(file);
      assert.equal((mode ?? 0) & 0o777, 0o600);
      for (const [name, value] of Object.entries(environment)) {
        // On another stream than what says that it is ready.
        await eventually(name, () => child.log().includes(`${name}="${value}"`));
      }
      assert.match(environment.SECRET_KEY, /^sb_secret_/);
      assert.equal((await (await fetch(environment.JWKS_URL)).json()).keys.length, 1);

      await t.step("a second stack on its port is told so, and does no harm", async () => {
        const { port } = new URL(environment.API_URL);
        const second = start(repository, "--port", port);
        assert.equal(await ended(second), 1);
        assert.equal(second.log().split("\n").at(-1), `Port ${port} is taken: use --port 0 for any free one`);
        assert.deepEqual(JSON.parse(await Deno.readTextFile(file)), environment);
      });

      Deno.kill(child.pid, "SIGINT");
      Deno.kill(child.pid, "SIGINT");
      assert.equal(await ended(child), 0);
      await assert.rejects(Deno.stat(file), Deno.errors.NotFound);
    });

    await t.step("refuses what it does not know, with its usage", async () => {
      for (
        const flags of [
          ["--prot", "1"],
          ["--port"],
          ["--port", "65536"],
          ["--port", "0x10"],
          ["--functions", "0"],
          ["--runtime", "docker"],
          ["--plan", "free"],
          ["--runtime", "edge", "--plan", "dear"],
          ["--db-url", "mysql://localhost"],
          ["--sandbox-url", "http://127.0.0.1:9"],
          ["--reset"],
          ["there"],
        ]
      ) {
        const child = start(repository, ...flags);
        assert.equal(await ended(child), 2, flags.join(" "));
        assert.match(child.log(), /--functions N/);
      }
    });

    await t.step("another E2B server needs a key", async () => {
      const child = start(repository, "--e2b-url", "http://127.0.0.1:9");
      assert.equal(await ended(child), 2);
      assert.match(child.log(), /E2B_API_KEY/);
    });

    await t.step("--help is no error", async () => {
      const child = start(repository, "--help");
      assert.equal(await ended(child), 0);
      assert.match(child.log(), /--port N/);
    });
  } finally {
    await Deno.remove(repository, { recursive: true });
  }
});
