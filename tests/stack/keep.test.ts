import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import assert from "node:assert/strict";
import { join } from "node:path";
import postgres from "postgres";
import type { Child } from "../../local/child.ts";
import { ended, makeRepository, ready, start } from "./repository.ts";

const OPTIONS = { auth: { persistSession: false, autoRefreshToken: false } };
const FIRST = "create table public.notes (note text);\n";

Deno.test("deno task start --keep", async (t) => {
  const repository = await makeRepository();
  const migrations = join(repository, "supabase", "migrations");
  const kept = join(repository, ".local", "kept", "own");
  let running: Child | undefined;
  try {
    await Deno.remove(migrations);
    await Deno.mkdir(migrations);
    await Deno.writeTextFile(join(migrations, "20260101000000_notes.sql"), FIRST);

    const keep = async (...flags: string[]) => {
      running = start(repository, "--port", "0", "--keep", ...flags);
      await running.line(ready);
      const environment: Record<string, string> = JSON.parse(
        await Deno.readTextFile(join(repository, ".local", "stack.json")),
      );
      const client = createClient(environment.API_URL ?? "", environment.PUBLISHABLE_KEY ?? "", OPTIONS);
      return { child: running, environment, client };
    };
    const query = async (environment: Record<string, string>, text: string) => {
      const sql = postgres(environment.DB_URL ?? "", { max: 1 });
      try {
        return [...await sql.unsafe(text)];
      } finally {
        await sql.end();
      }
    };
    const interrupt = async (child: Child) => {
      Deno.kill(child.pid, "SIGINT");
      assert.equal(await ended(child), 0, child.log());
    };
    const refused = async (...flags: string[]) => {
      const child = start(repository, "--port", "0", "--keep", ...flags);
      assert.equal(await ended(child), 1);
      return child.log();
    };

    const isRoot = Deno.uid() === 0;
    await t.step({
      name: `where the Postgres of root cannot reach it, that is said${isRoot ? "" : " (skipped: it takes root)"}`,
      ignore: !isRoot,
      fn: async () => {
        await Deno.chmod(repository, 0o700);
        assert.match(await refused(), /its user `nobody` cannot get into .*\.local\/kept\/own: .*chmod o\+x/);
        await Deno.chmod(repository, 0o711);
      },
    });

    const email = "ada@example.com";
    const password = "correct horse";
    const first = await keep();
    await query(first.environment, "insert into public.notes values ('kept')");
    const { data: { session } } = await first.client.auth.signUp({ email, password });
    assert(session);
    /** As a browser that was left open does it. */
    const goOn = async (client: SupabaseClient) => {
      const { data, error } = await client.auth.getUser(session.access_token);
      assert.equal(error, null);
      assert.equal(data.user?.email, email);
    };

    await t.step("what it keeps, others on this machine cannot read", async () => {
      for (const [name, mode] of [["secrets.json", 0o600], ["lock", 0o600], ["postgres", 0o700]] as const) {
        assert.equal(((await Deno.stat(join(kept, name))).mode ?? 0) & 0o777, mode, name);
      }
    });

    await t.step("a second one at the same time is told of the first, and changes nothing", async () => {
      for (const flags of [[], ["--reset"]]) {
        const log = await refused(...flags);
        assert.equal(
          log,
          `A stack that keeps its data runs already, as process ${first.child.pid}: stop it, or start without --keep`,
        );
      }
      assert.equal((await query(first.environment, "select from public.notes")).length, 1);
      await goOn(first.client);
    });

    await t.step("one without --keep has nothing of it", async () => {
      const child = start(repository, "--port", "0");
      await child.line(ready);
      await interrupt(child);
      await goOn(first.client);
    });

    await interrupt(first.child);

    await t.step("data, users, sessions and keys are there again, and new migrations are applied", async () => {
      await Deno.writeTextFile(
        join(migrations, "20260102000000_more.sql"),
        "alter table public.notes add column more text default 'new';\n",
      );
      const { child, client, environment } = await keep();
      assert.deepEqual(await query(environment, "select * from public.notes"), [{ note: "kept", more: "new" }]);
      await goOn(client);
      assert.equal((await client.auth.refreshSession({ refresh_token: session.refresh_token })).error, null);
      assert.equal((await client.auth.signInWithPassword({ email, password })).error, null);
      for (const name of ["PUBLISHABLE_KEY", "SECRET_KEY"]) assert.equal(environment[name], first.environment[name]);
      // Nothing is left to wait for: the next start comes while the Postgres of this one still ends.
      await child.kill();
    });

    await t.step("a start that was killed blocks no other", async () => {
      const { child, client, environment } = await keep();
      assert.equal((await query(environment, "select from public.notes")).length, 1);
      await goOn(client);
      await interrupt(child);
    });

    await t.step("a migration that was edited, or is gone, is named with what to do; nothing is applied", async () => {
      const file = join(migrations, "20260101000000_notes.sql");
      await Deno.writeTextFile(join(migrations, "20260103000000_next.sql"), "drop table public.notes;\n");
      await Deno.writeTextFile(file, `-- Edited\n${FIRST}`);
      const edited = await refused();
      assert.match(edited, /20260101000000_notes\.sql was edited after it was applied\..* --keep --reset/);
      await Deno.remove(file);
      assert.match(await refused(), /20260101000000_notes\.sql was applied to this database, and is no more\./);
      await Deno.writeTextFile(file, FIRST);
      await Deno.remove(join(migrations, "20260103000000_next.sql"));
      const { child, environment } = await keep();
      assert.equal((await query(environment, "select from public.notes")).length, 1);
      await interrupt(child);
    });

    await t.step("--reset begins anew", async () => {
      const { child, client, environment } = await keep("--reset");
      assert.equal((await query(environment, "select from public.notes")).length, 0);
      assert.equal((await client.auth.getUser(session.access_token)).error?.code, "bad_jwt");
      assert.equal((await client.auth.signInWithPassword({ email, password })).error?.code, "invalid_credentials");
      await interrupt(child);
    });
  } finally {
    await running?.stop();
    await Deno.remove(repository, { recursive: true });
  }
});
