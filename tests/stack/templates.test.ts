/** Which templates the stack's sandboxes can be made of. */
import assert from "node:assert/strict";
import { Sandbox } from "e2b";
import { startSandboxes } from "../../local/sandboxes.ts";
import { readCommand } from "../../local/start_command.ts";

Deno.test("templates are named one by one", () => {
  const command = readCommand(["--template", "mine", "--template", "theirs"]);
  assert(command.outcome === "run");
  assert.deepEqual(command.flags.template, ["mine", "theirs"]);
});

Deno.test("those that are named are there beside E2B's", async () => {
  await using parts = new AsyncDisposableStack();
  const { url, apiKey } = await startSandboxes(
    { templates: ["mine"] },
    async (_name, start) => parts.adopt(await start(), ({ stop }) => stop()),
  );
  const connection = { apiUrl: url, sandboxUrl: url, apiKey };
  for (const template of ["base", "code-interpreter-v1", "mine"]) {
    assert.equal((await (await Sandbox.create(template, connection)).getInfo()).templateId, template);
  }
  await assert.rejects(Sandbox.create("theirs", connection), /template 'theirs' not found/);
});
