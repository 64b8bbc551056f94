/** An existing app by the real Supabase CLI, on the real pg_cron: installed, pushed, deployed dry, checked, taken out. */
import assert from "node:assert/strict";
import { join } from "node:path";
import postgres from "postgres";
import { openApp } from "../../install/app.ts";
import { apply } from "../../install/change.ts";
import { install } from "../../install/install.ts";
import { readRelease } from "../../install/release.ts";
import { migrate } from "../../local/migrate.ts";
import { REPOSITORY } from "../../local/repository.ts";
import { needing, POSTGRES_15 } from "../support/needs.ts";
import { eventually } from "../support/settle.ts";
import { supabase } from "../support/supabase_cli.ts";
import { deployDry } from "../platform/dry_deployment.ts";
import { usePostgres15 } from "../platform/postgres_15.ts";
import { installer } from "./command.ts";
import { type ExampleApp, exampleApp } from "./example_app.ts";

const FUNCTIONS = ["acquire-context", "execute-code", "mcp", "terminate-context"];

/** What their own next migration does. */
const NEXT = "alter table public.todos add column is_done boolean not null default false;\n";

const { met, test } = await needing("the Supabase CLI", "pg_cron", "plpgsql_check");
const server = usePostgres15(met);

test("an app with a life of its own takes it in, lives on, and is rid of it without a trace", async (t) => {
  await using app = await exampleApp();
  await withConfigOfTheCli(app);
  // Two databases of theirs: one never hears of ours.
  const reference = urlOf("reference");
  const sql = postgres(server.url, { max: 1, onnotice: () => {} });
  const untouched = postgres(reference, { max: 1 });
  try {
    await sql`create database reference`;
    for (const url of [server.url, reference]) await becomeSupabase(url);
    await push(app, server.url);
    await push(app, reference);

    await t.step("installed, it pushes", async () => {
      const { code, output } = await installer(["install", "--into", app.directory]);
      assert.equal(code, 0, output);
      assert.match(await push(app, server.url), /_execution_contexts\.sql/);
      for (const check of [["lint", "--level", "warning", "--fail-on", "warning"], ["advisors", "--fail-on", "warn"]]) {
        const { code, output } = await supabase(["db", ...check, `--remote=${server.url}`], {}, app.directory);
        assert.equal(code, 0, output);
      }
      const jobs = await sql`select jobname from cron.job where jobname like 'copilot-%'`;
      assert(jobs.length > 0);
    });

    await t.step("their next migration pushes, too", async () => {
      await theirNextMigration(app, NEXT);
      await untouched.unsafe(NEXT);
      assert.match(await push(app, server.url), /_next\.sql/);
    });

    await t.step("their functions and ours deploy, each with its files", async () => {
      const deployed = await deployDry(app.directory);
      assert.deepEqual([...deployed.keys()].sort(), [...FUNCTIONS, "hello"].sort());
      for (const name of FUNCTIONS) {
        const { files = [], metadata } = deployed.get(name) ?? {};
        assert(files.includes(`supabase/functions/${name}/index.ts`));
        assert(files.includes(`supabase/functions/${name}/deno.json`));
        assert(files.includes("supabase/functions/_execution-contexts/http/endpoint.ts"));
        assert(files.every((file) => !file.includes("/_shared/")), files.join());
        assert.equal(metadata?.verify_jwt, false);
      }
      assert(deployed.get("hello")?.files.includes("supabase/functions/_shared/greet.ts"));
    });

    await t.step("deno checks it, with the function's imports", async () => {
      const directory = join(app.directory, "supabase", "functions", "execute-code");
      // By this repository's versions, which are there without a network.
      const lock = await Deno.makeTempFile({ suffix: ".lock" });
      try {
        await Deno.copyFile(join(REPOSITORY, "deno.lock"), lock);
        const { code, stderr } = await new Deno.Command(Deno.execPath(), {
          args: ["check", "--no-config", "--import-map=deno.json", `--lock=${lock}`, "index.ts"],
          cwd: directory,
          env: { NO_COLOR: "1" },
          stdin: "null",
        }).output();
        assert.equal(code, 0, new TextDecoder().decode(stderr));
      } finally {
        await Deno.remove(lock);
      }
    });

    await t.step("while a sandbox may be alive, it is not taken out", async () => {
      await sql`
        select from public.copilot_claim_context(gen_random_uuid(), 't', 'c', 'p', 60, 1800)`;
      const { code, output } = await installer(["uninstall", "--into", app.directory]);
      assert.equal(code, 0, output);
      const refused = await supabase(["db", "push", `--remote=${server.url}`, "--yes"], {}, app.directory);
      assert.equal(refused.code, 1);
      assert.match(refused.output, /sandboxes of \d+ contexts may be alive/);
      await sql`update copilot_internal.execution_contexts set
        sandbox_status = 'error', error_code = 'internal', error_final = true,
        termination_reason = 'create_failed', terminated_at = now(), may_live_until = now()`;
    });

    await t.step("taken out, their schema is what it would be without it", async () => {
      await push(app, server.url);
      assert.deepEqual(await schemaOf(server.url), await schemaOf(reference));
      assert.deepEqual([...await sql`select name from vault.secrets`], [{ name: "theirs" }]);
    });

    await t.step("and it can be put in again", async () => {
      const { code, output } = await installer(["install", "--into", app.directory]);
      assert.equal(code, 0, output);
      await push(app, server.url);
      await installer(["uninstall", "--into", app.directory]);
      await push(app, server.url);
      assert.deepEqual(await schemaOf(server.url), await schemaOf(reference));
    });
  } finally {
    await untouched.end();
    await sql.end();
  }
});

test("what was made by hand is neither replaced nor dropped", async (t) => {
  await using app = await exampleApp();
  const admin = postgres(server.url, { max: 1, onnotice: () => {} });
  // Without pg_cron, which is to be had in one database alone.
  const url = urlOf("by_hand");
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  const refusedPush = async (told: RegExp) => {
    const { code, output } = await supabase(["db", "push", `--remote=${url}`, "--yes"], {}, app.directory);
    assert.equal(code, 1, output);
    assert.match(output, told);
  };
  try {
    await admin`create database by_hand`;
    await becomeSupabase(url);
    await t.step("a view of ours would be theirs", async () => {
      await sql`create view public.execution_contexts as select 1 as theirs`;
      await installer(["install", "--into", app.directory]);
      await refusedPush(/there is already public\.execution_contexts; nothing has been changed/);
      assert.deepEqual([...await sql`select * from public.execution_contexts`], [{ theirs: 1 }]);
      await sql`drop view public.execution_contexts`;
      await push(app, url);
    });
    await t.step("what stands on ours goes first", async () => {
      await sql`create view public.my_dashboard as select path_id from public.execution_contexts`;
      await sql`create table public.my_notes (context_id uuid references copilot_internal.execution_contexts (id))`;
      await installer(["uninstall", "--into", app.directory]);
      await refusedPush(/is used by (my_dashboard, my_notes|my_notes, my_dashboard); nothing has been changed/);
      await sql`drop view public.my_dashboard`;
      await sql`drop table public.my_notes`;
      await push(app, url);
      const [{ schema }] = await sql`select to_regnamespace('copilot_internal') as schema`;
      assert.equal(schema, null);
    });
  } finally {
    await sql.end();
    await admin`drop database by_hand`;
    await admin.end();
  }
});

test("an upgraded database is what a new one is", async () => {
  await using app = await exampleApp();
  const release = await readRelease();
  const admin = postgres(server.url, { max: 1, onnotice: () => {} });
  const [upgraded, fresh] = [urlOf("upgraded"), urlOf("fresh")];
  try {
    for (const [name, url] of [["upgraded", upgraded], ["fresh", fresh]]) {
      await admin.unsafe(`create database ${name}`);
      await becomeSupabase(url);
    }
    // The release before the last migrations.
    const opened = await openApp(app.directory);
    await apply(
      opened,
      await install(opened, { ...release, migrations: release.migrations.slice(0, -3) }, "execution_contexts"),
    );
    await push(app, upgraded);
    const { code, output } = await installer(["upgrade", "--into", app.directory]);
    assert.equal(code, 0, output);
    await push(app, upgraded);

    await using other = await exampleApp();
    await installer(["install", "--into", other.directory]);
    await push(other, fresh);
    assert.deepEqual(await schemaOf(upgraded), await schemaOf(fresh));
  } finally {
    for (const name of ["upgraded", "fresh"]) await admin.unsafe(`drop database if exists ${name}`);
    await admin.end();
  }
});

function urlOf(database: string): string {
  return Object.assign(new URL(server.url), { pathname: `/${database}` }).href;
}

/** The roles and schemas that every project has, and as much of a Vault as is asked of one. */
async function becomeSupabase(url: string): Promise<void> {
  const none = await Deno.makeTempDir();
  const sql = postgres(url, { max: 1 });
  try {
    await migrate(url, { directory: none });
    await sql.unsafe("create schema vault; create table vault.secrets (name text primary key, secret text)").simple();
    await sql`insert into vault.secrets values ('theirs', 's'), ('execution_contexts_url', 's'), ('execution_contexts_secret_key', 's')`;
  } finally {
    await sql.end();
    await Deno.remove(none);
  }
}

/** Its own tables behind what `supabase init` writes: four hundred lines, most of them comments. */
async function withConfigOfTheCli(app: ExampleApp): Promise<void> {
  const own = await app.read("supabase/config.toml");
  await Deno.remove(join(app.directory, "supabase/config.toml"));
  const { code, output } = await supabase(["init", "--yes"], {}, app.directory);
  assert.equal(code, 0, output);
  const [table = ""] = /\[functions\.hello\][\s\S]*/.exec(own) ?? [];
  await app.write("supabase/config.toml", `${await app.read("supabase/config.toml")}\n${table}`);
}

async function push(app: ExampleApp, url: string): Promise<string> {
  const { code, output } = await supabase(["db", "push", `--remote=${url}`, "--yes"], {}, app.directory);
  assert.equal(code, 0, output);
  return output;
}

async function theirNextMigration(app: ExampleApp, sql: string): Promise<void> {
  const stamps = Object.keys(await app.files()).flatMap((path) => /migrations\/(\d+)_/.exec(path)?.[1] ?? []);
  const last = stamps.sort().at(-1) ?? "";
  // A stamp has seconds, and nobody types so fast.
  await eventually("a second has passed", () => new Date().toISOString().replaceAll(/\D/g, "").slice(0, 14) > last);
  const { code, output } = await supabase(["migration", "new", "next"], {}, app.directory);
  assert.equal(code, 0, output);
  const path = Object.keys(await app.files()).find((path) => path.endsWith("_next.sql"));
  assert(path);
  await app.write(path, sql);
}

/** As `pg_dump` has it. */
async function schemaOf(url: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(`${POSTGRES_15}/bin/pg_dump`, {
    args: ["--schema-only", url],
  }).output();
  const text = new TextDecoder();
  assert.equal(code, 0, text.decode(stderr));
  // Its guard against a hostile server's dump is another one each time.
  return text.decode(stdout).replaceAll(/^\\(un)?restrict .*$/gm, "");
}
