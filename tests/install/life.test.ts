/** An app that has it, at work on the local stack: its functions and ours beside each other, until it is taken out. */
import assert from "node:assert/strict";
import postgres from "postgres";
import { readApp } from "../../local/app.ts";
import { migrate } from "../../local/migrate.ts";
import { startStack } from "../../local/stack.ts";
import { invoke, newPath, refused, user } from "../support/clients.ts";
import { alive } from "../support/provider.ts";
import { LOCK_FILE } from "../../install/lock.ts";
import { installer } from "./command.ts";
import { exampleApp } from "./example_app.ts";

Deno.test("installed, it runs code beside the app's own functions; taken out, no sandbox is left, nor anything of it", async () => {
  await using app = await exampleApp();
  assert.equal((await installer(["install", "--into", app.directory])).code, 0);
  await using stack = await startStack({ app: await readApp(app.directory) });
  const sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
  try {
    const clients = await Promise.all([user(stack), user(stack)]);
    const paths = clients.map(() => newPath());
    for (const [index, client] of clients.entries()) {
      await invoke(client, "execute-code", { ...paths[index], code: "x = 41" });
      const { execution } = await invoke(client, "execute-code", { ...paths[index], code: "x + 1" });
      assert.equal(execution.results[0]?.text, "42");
    }
    const { data } = await clients[0].functions.invoke("hello");
    assert.deepEqual(data, { message: "Hello, world!" });
    assert.equal(alive(stack).length, 2);

    // Where it cannot be done, it is left as open as it was.
    const lock = await app.read(LOCK_FILE);
    await app.write(LOCK_FILE, lock.replace('"view": "execution_contexts"', '"view": "nowhere"'));
    const failed = await installer(
      ["uninstall", "--into", app.directory, "--url", stack.apiUrl],
      { SUPABASE_SECRET_KEY: stack.secretKey },
    );
    assert.equal(failed.code, 1);
    assert.match(failed.output, /nowhere_overview: answered 404/);
    await app.write(LOCK_FILE, lock);
    await invoke(clients[0], "acquire-context", paths[0]);

    const { code, output } = await installer(
      ["uninstall", "--into", app.directory, "--url", stack.apiUrl],
      { SUPABASE_SECRET_KEY: stack.secretKey },
    );
    assert.equal(code, 0, output);
    assert.match(output, /No context is active, and no sandbox may be alive/);
    assert.doesNotMatch(output, new RegExp(stack.secretKey));
    assert.equal(alive(stack).length, 0);
    // Nobody makes another one before the migration is pushed.
    const { body } = await refused(clients[0], "execute-code", { ...paths[0], code: "1" });
    assert.equal(body.code, "closed");

    const { migrationsDirectory } = await readApp(app.directory);
    const [removal, ...others] = await migrate(stack.databaseUrl, { directory: migrationsDirectory });
    assert(removal);
    assert.deepEqual(others, []);
    const [{ schema, functions }] = await sql`
      select to_regnamespace('copilot_internal') as schema,
        (select count(*)::integer from pg_proc where proname like 'copilot\\_%') as functions`;
    assert.deepEqual([schema, functions], [null, 0]);
  } finally {
    await sql.end();
  }
});

Deno.test("while its sandboxes cannot be ended, nothing is removed", async () => {
  await using app = await exampleApp();
  await installer(["install", "--into", app.directory]);
  const before = await app.files();
  const nowhere = ["uninstall", "--into", app.directory, "--url", "http://127.0.0.1:9"];
  const unreachable = await installer(nowhere, { SUPABASE_SECRET_KEY: "sb_secret_x" });
  assert.equal(unreachable.code, 1);
  assert.match(unreachable.output, /cannot be reached/);
  const unnamed = await installer(nowhere, { SUPABASE_SECRET_KEY: "" });
  assert.equal(unnamed.code, 2);
  assert.match(unnamed.output, /set SUPABASE_SECRET_KEY/);
  assert.deepEqual(await app.files(), before);
});
