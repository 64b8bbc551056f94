import assert from "node:assert/strict";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { spawnChild } from "../../local/child.ts";
import { needing } from "../support/needs.ts";
import { eventually } from "../support/settle.ts";

const { test } = await needing("Linux's /proc");
const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

const alone = {
  stop: "stopping leaves no process, port or file, and may be asked for twice",
  fail: "a start that fails says why, and leaves nothing of what it had started",
};
for (const [scenario, name] of Object.entries(alone)) {
  test(name, async () => {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", fixture("leave_nothing.ts"), scenario],
      stdin: "null",
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
  });
}

Deno.test("when it is killed, everything ends without it", async () => {
  const owner = spawnChild({
    name: "run_stack.ts",
    command: Deno.execPath(),
    args: ["run", "-A", fixture("run_stack.ts")],
    env: Deno.env.toObject(),
  });
  const Belongings = z.object({ directory: z.string(), ports: z.array(z.number()) });
  const { directory, ports } = await owner.line((line) =>
    line.startsWith("{") ? Belongings.parse(JSON.parse(line)) : undefined
  );
  const connections = await Promise.all(ports.map((port) => Deno.connect({ hostname: "127.0.0.1", port })));
  await owner.kill();
  await owner.stop();
  // A process that has ended has closed its connections.
  for (const connection of connections) {
    while (await readOrReset(connection) !== null);
    connection.close();
  }
  await removed(dirname(directory));
});

async function readOrReset(connection: Deno.Conn): Promise<number | null> {
  try {
    return await connection.read(new Uint8Array(1024));
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionReset) return null;
    throw error;
  }
}

/** Nothing tells when the last file is gone. */
async function removed(directory: string): Promise<void> {
  await eventually(`${directory} is gone`, async () => {
    try {
      await Deno.stat(directory);
      return false;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return true;
      throw error;
    }
  });
}
