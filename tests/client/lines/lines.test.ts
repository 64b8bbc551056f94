/** What is counted works: by hand and with the client the same comes of it; and the README has the numbers. */
import assert from "node:assert/strict";
import { newPath, user } from "../../support/clients.ts";
import { endless } from "../../support/programs.ts";
import { eventually } from "../../support/settle.ts";
import { useStack } from "../../support/stack.ts";
import * as after from "./after.ts";
import * as before from "./before.ts";
import { table } from "./count.ts";

const local = useStack();

for (const [how, { run, stream, once, files, stop, tool }] of Object.entries({ before, after })) {
  Deno.test(`${how}: runs code, reads a stream, moves files, and hands a tool to a model`, async () => {
    const supabase = await user(local.stack);
    const path = newPath();
    assert.equal((await run(supabase, path, "x = 41\nx + 1")).results[0].text, "42");
    assert.equal((await once(supabase, path, "x + 2")).execution.results[0].text, "43");
    const events = await Array.fromAsync(stream(supabase, path, "print('hi')"));
    assert.deepEqual(events.map(({ event }) => event), ["context", "stdout", "end"]);
    const code = "open('out.bin', 'wb').write(open('in.bin', 'rb').read()[::-1])";
    assert.deepEqual([...await files(supabase, path, code, new Uint8Array([1, 2]))], [2, 1]);
    const { text } = await tool(supabase, path).execute({ code: "x + 3" }, {});
    assert.equal(text.trim(), "44");
  });

  Deno.test(`${how}: stops a run`, async () => {
    const supabase = await user(local.stack);
    const path = newPath();
    const abort = new AbortController();
    const stopped = stop(supabase, path, endless, abort.signal).catch(() => {});
    const statuses = async () =>
      (await local.sql`
        select status from copilot_internal.executions where conversation_id = ${path.conversation_id}`)
        .map(({ status }) => status);
    await eventually("it runs", async () => (await statuses()).includes("running"));
    abort.abort();
    await stopped;
    await eventually("it has stopped", async () => (await statuses()).includes("cancelled"));
  });
}

Deno.test("the README has the numbers that `deno task lines` prints", async () => {
  const page = await Deno.readTextFile(new URL("../../../README.md", import.meta.url));
  for (const { what, before, after } of await table()) {
    assert.match(page, new RegExp(`\\| ${what} +\\| ${before} +\\| ${after} +\\|`), what);
  }
});
