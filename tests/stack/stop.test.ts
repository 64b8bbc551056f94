import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import { z } from "zod";
import { spawnChild } from "../../local/child.ts";
import { startStack } from "../../local/stack.ts";
import { FUNCTIONS, MIGRATIONS, startFixture } from "./fixture.ts";

/** The processes this one has started and that still run. */
function children(): number[] {
  const found: number[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const [, parent] = /^PPid:\s*(\d+)$/m.exec(Deno.readTextFileSync(`/proc/${name}/status`)) ?? [];
      if (Number(parent) === Deno.pid) found.push(Number(name));
    } catch (error) {
      // It ended between the listing and the look.
      if (!(error instanceof Deno.errors.NotFound || /ESRCH|No such process/.test(String(error)))) throw error;
    }
  }
  return found;
}

async function assertClosed(port: number): Promise<void> {
  await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port }), Deno.errors.ConnectionRefused, `port ${port}`);
}

async function dataDirectory(url: string): Promise<string> {
  const sql = postgres(url, { max: 1 });
  try {
    const [row] = await sql`show data_directory`;
    return z.string().parse(row?.data_directory);
  } finally {
    await sql.end();
  }
}

const linux = Deno.build.os === "linux";

Deno.test({
  name: "stopping leaves no process, port or file, and may be asked for twice",
  ignore: !linux,
  async fn() {
    const before = children();
    const stack = await startStack({ migrationsDirectory: MIGRATIONS, functionsDirectory: FUNCTIONS, functions: 2 });
    const directory = dirname(await dataDirectory(stack.databaseUrl));
    assert((await Deno.stat(directory)).isDirectory);
    assert(children().length > before.length);
    const ports = [stack.apiUrl, stack.databaseUrl, stack.e2b.url, ...stack.functions.processes.map(({ url }) => url)]
      .map((url) => Number(new URL(url ?? "").port));

    await Promise.all([stack.stop(), stack.stop()]);
    assert.deepEqual(children(), before);
    await Promise.all(ports.map(assertClosed));
    await assert.rejects(Deno.stat(directory), Deno.errors.NotFound);
  },
});

Deno.test({
  name: "a start that fails says why, and leaves nothing of what it had started",
  ignore: !linux,
  async fn() {
    const before = children();
    const directory = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(join(directory, "20260101000000_broken.sql"), "select 1 / 0;");
      await assert.rejects(
        startFixture({ migrationsDirectory: directory }),
        /Applying the migrations failed: .*20260101000000_broken\.sql failed: division by zero/,
      );
      await Deno.mkdir(join(directory, "broken"));
      await Deno.writeTextFile(join(directory, "broken", "index.ts"), "throw new Error('cannot be imported');");
      await assert.rejects(
        startFixture({ functionsDirectory: directory }),
        /Starting the functions failed: [^]*cannot be imported/,
      );
      const stopping = AbortSignal.abort(new Error("given up"));
      await assert.rejects(startFixture({ signal: stopping }), /given up/);
      assert.deepEqual(children(), before);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});

Deno.test("when it is killed, everything ends without it", async () => {
  const owner = spawnChild({
    name: "run_stack.ts",
    command: Deno.execPath(),
    args: ["run", "-A", fileURLToPath(new URL("fixtures/run_stack.ts", import.meta.url))],
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
  for (const deadline = Date.now() + 10_000; Date.now() < deadline;) {
    try {
      await Deno.stat(directory);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail(`${directory} is still there`);
}
