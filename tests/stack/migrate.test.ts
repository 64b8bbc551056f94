import assert from "node:assert/strict";
import { join } from "node:path";
import postgres from "postgres";
import { migrate } from "../../local/migrate.ts";
import { startPostgres } from "../../local/postgres/postgres.ts";
import { MIGRATIONS } from "./fixture.ts";

const VERSIONS = ["20260101000000", "20260102000000"];

Deno.test("migrations are applied once, in order, and recorded as the Supabase CLI does", async (t) => {
  const server = await startPostgres();
  const sql = postgres(server.url, { max: 1 });
  try {
    await t.step("by whoever comes first, when several come at once", async () => {
      const applied = await Promise.all(
        Array.from({ length: 4 }, () => migrate(server.url, { directory: MIGRATIONS })),
      );
      assert.deepEqual(applied.filter((versions) => versions.length > 0), [VERSIONS]);
      const recorded =
        await sql`select version, name, statements from supabase_migrations.schema_migrations order by 1`;
      assert.deepEqual(recorded.map(({ version }) => version), VERSIONS);
      assert.deepEqual(recorded.map(({ name }) => name), ["claims", "notes"]);
      assert.match(recorded[1]?.statements[0], /create table public\.notes/);
    });

    await t.step("and not again", async () => {
      assert.deepEqual(await migrate(server.url, { directory: MIGRATIONS }), []);
    });

    await t.step("a file that is no migration is skipped, aloud", async () => {
      const notices: string[] = [];
      await migrate(server.url, { directory: MIGRATIONS, onNotice: (message) => notices.push(message) });
      assert.equal(notices.length, 1);
      assert.match(notices[0] ?? "", /^README\.md is not named/);
    });

    await t.step("one that fails leaves nothing of itself, and is named with the line", async () => {
      const directory = await Deno.makeTempDir();
      try {
        const text = "create table public.half ();\nraise notice 'x';\n";
        await Deno.writeTextFile(join(directory, "20260103000000_broken.sql"), text);
        await assert.rejects(migrate(server.url, { directory }), /20260103000000_broken\.sql failed: .*\(line 2\)/);
        const [row] = await sql`select to_regclass('public.half') as half`;
        assert.equal(row?.half, null);
      } finally {
        await Deno.remove(directory, { recursive: true });
      }
    });

    await t.step("the roles are Supabase's, and have no default grants", async () => {
      const roles = await sql`
        select rolname, rolcanlogin, rolinherit, rolbypassrls from pg_roles where rolname !~ '^(pg_|postgres$)' order by 1
      `;
      assert.deepEqual(roles.map((role) => Object.values(role)), [
        ["anon", false, false, false],
        ["authenticated", false, false, false],
        ["authenticator", true, false, false],
        ["service_role", false, false, true],
      ]);
      const [row] = await sql`select has_table_privilege('service_role', 'public.notes', 'select') as granted`;
      assert.equal(row?.granted, false);
    });
  } finally {
    await sql.end();
    await server.stop();
  }
});
