import assert from "node:assert/strict";
import { startStack } from "../../local/stack.ts";
import { FIXTURE } from "./fixture.ts";

/** What a stack with the repository's own migrations, on a Postgres of its own, warns of. */
async function warnings(sweeps: boolean): Promise<string[]> {
  const lines: string[] = [];
  await using _stack = await startStack({
    ...FIXTURE,
    migrationsDirectory: undefined,
    sweeps,
    onLog: (line) => lines.push(line),
  });
  return lines.filter((line) => line.includes("WARNING"));
}

Deno.test("that pg_cron is missing is told only where nothing sweeps in its place", async () => {
  assert.deepEqual(await warnings(true), []);
  const [warning, ...more] = await warnings(false);
  assert.match(warning ?? "", /pg_cron is not available/);
  assert.deepEqual(more, []);
});
