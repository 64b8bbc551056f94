/** Upgrading: edits are merged, conflicts are marked, and the database gets what is new alone. */
import assert from "node:assert/strict";
import { openApp } from "../../install/app.ts";
import { apply } from "../../install/change.ts";
import { compare } from "../../install/compare.ts";
import { install } from "../../install/install.ts";
import { uninstall } from "../../install/uninstall.ts";
import { upgrade } from "../../install/upgrade.ts";
import type { Release } from "../../install/release.ts";
import { type ExampleApp, exampleApp } from "./example_app.ts";

const CONFIG = "supabase/config.toml";
const FILE = "supabase/functions/execute-code/index.ts";
const OTHER = "supabase/functions/_execution-contexts/other.ts";
const LINES = Array.from({ length: 20 }, (_, index) => `line ${index + 1}`);

const first: Release = {
  version: "1.0.0",
  without: [],
  functions: ["execute-code"],
  files: new Map([[FILE, text(LINES)], [OTHER, "other\n"]]),
  migrations: [{ name: "1_tables", sql: "create table copilot_internal.one ();\n" }],
  settings: "A=1\n",
};
/** Changes the third line, drops a file, adds another, a setting and a migration. */
const second: Release = {
  version: "1.1.0",
  without: [],
  functions: ["execute-code", "acquire-context"],
  files: new Map([
    [FILE, text(LINES.with(2, "line 3, as it should be"))],
    ["supabase/functions/acquire-context/index.ts", "new\n"],
  ]),
  migrations: [...first.migrations, { name: "2_more", sql: "create view public.execution_contexts as select 1;\n" }],
  settings: "A=1\n# How many.\nB=2\n",
};

function text(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}

async function installed(): Promise<ExampleApp> {
  const app = await exampleApp();
  const opened = await openApp(app.directory);
  await apply(opened, await install(opened, first, "copilot_contexts"));
  return app;
}

async function upgraded(app: ExampleApp, release = second): Promise<readonly string[]> {
  const opened = await openApp(app.directory);
  const { changes, conflicts } = await upgrade(opened, release);
  await apply(opened, changes);
  return conflicts;
}

Deno.test("an app without edits gets the release as it is, and one more migration with what is new", async () => {
  await using app = await installed();
  const before = await app.files();
  assert.deepEqual(await upgraded(app), []);
  const after = await app.files();
  for (const [path, content] of second.files) assert.equal(after[path], content);
  assert(!(OTHER in after));
  const added = Object.keys(after).filter((path) => path.startsWith("supabase/migrations/") && !(path in before));
  assert.equal(added.length, 1);
  assert.match(added[0], /_execution_contexts_1_1_0\.sql$/);
  // Under the name that the view was given.
  assert.match(after[added[0]], /create view public\.copilot_contexts as/);
  assert.doesNotMatch(after[added[0]], /create table copilot_internal\.one/);
  assert.match(after["supabase/config.toml"], /\[functions\.acquire-context\]/);
  assert.match(after["supabase/functions/.env.example"], /# How many\.\nB=2\n$/);
  const opened = await openApp(app.directory);
  assert.deepEqual(await upgrade(opened, second), { changes: [], conflicts: [] });
});

Deno.test("edits elsewhere in a file are kept", async () => {
  await using app = await installed();
  await app.write(FILE, text(LINES.with(15, "line 16, as we want it")));
  assert.deepEqual(await upgraded(app), []);
  assert.equal(await app.read(FILE), text(LINES.with(2, "line 3, as it should be").with(15, "line 16, as we want it")));
  // And are still known as edits.
  const patch = await compare(await openApp(app.directory));
  assert.match(patch, /^-line 16$/m);
  assert.match(patch, /^\+line 16, as we want it$/m);
  assert.doesNotMatch(patch, /line 3, as/);
});

Deno.test("edits of the same lines are a conflict: both are there, between git's marks", async () => {
  await using app = await installed();
  await app.write(FILE, text(LINES.with(2, "line 3, as we want it")));
  assert.deepEqual(await upgraded(app), [FILE]);
  const merged = await app.read(FILE);
  assert.match(merged, /<<<<<<< yours\nline 3, as we want it\n=======\nline 3, as it should be\n>>>>>>> 1\.1\.0\n/);
});

Deno.test("the same change, made by both, is none", async () => {
  await using app = await installed();
  await app.write(FILE, second.files.get(FILE) ?? "");
  assert.deepEqual(await upgraded(app), []);
  assert.equal(await compare(await openApp(app.directory)), "");
});

Deno.test("a file that was removed comes back", async () => {
  await using app = await installed();
  await Deno.remove(`${app.directory}/${FILE}`);
  assert.match(await compare(await openApp(app.directory)), /^\+\+\+ \/dev\/null/m);
  await upgraded(app);
  assert.equal(await app.read(FILE), second.files.get(FILE));
});

for (
  const [what, edit, release, told] of [
    ["a file that the release does not have any more is edited", { [OTHER]: "ours\n" }, second, /other\.ts: is edited/],
    [
      "a new file's place is taken",
      { "supabase/functions/acquire-context/index.ts": "ours\n" },
      second,
      /is there already/,
    ],
    [
      "the tables in config.toml were edited",
      { "supabase/config.toml": 'project_id = "x"\n[functions.execute-code]\nverify_jwt = true\n' },
      second,
      /config\.toml: our tables have been edited/,
    ],
    ["a migration is another one", {}, {
      ...first,
      migrations: [{ name: "1_tables", sql: "create table copilot_internal.zero ();\n" }],
    }, /1_tables\.sql: is installed, and not of this release/],
    ["the release is an earlier one", {}, { ...first, migrations: [] }, /1_tables\.sql: is installed, and not of this/],
    [
      "an object that is new has been made by the app meanwhile",
      { "supabase/migrations/20300101000000_mine.sql": "create view copilot_contexts as select 1;\n" },
      second,
      /public\.copilot_contexts: is made by/,
    ],
    [
      "the lock file is not one",
      { "supabase/execution-contexts.lock.json": "{}\n" },
      second,
      /lock\.json: cannot be read/,
    ],
  ] as const
) {
  Deno.test(`refused, and nothing is changed: ${what}`, async () => {
    await using app = await installed();
    for (const [path, content] of Object.entries(edit)) await app.write(path, content);
    const before = await app.files();
    await assert.rejects(upgraded(app, release), told);
    assert.deepEqual(await app.files(), before);
  });
}

Deno.test("uninstalling leaves an app's files as they were, but for the migrations", async () => {
  await using untouched = await exampleApp();
  await using app = await installed();
  await upgraded(app);
  const opened = await openApp(app.directory);
  await apply(opened, await uninstall(opened, false));
  const after = await app.files();
  const migrations = Object.keys(after).filter((path) => /execution_contexts(_1_1_0)?\.sql$/.test(path)).sort();
  assert.equal(migrations.length, 3);
  const removal = after[migrations[2]];
  assert.match(removal, /drop schema copilot_internal cascade/);
  for (const path of migrations) delete after[path];
  assert.deepEqual(after, await untouched.files());
});

Deno.test("uninstalling refuses to remove edits, unless it is told to; what is theirs in our folders stays", async () => {
  await using app = await installed();
  const mine = "supabase/functions/_execution-contexts/mine.ts";
  await app.write(mine, "ours\n");
  await app.write(FILE, "ours\n");
  const before = await app.files();
  const opened = await openApp(app.directory);
  await assert.rejects(uninstall(opened, false), /index\.ts: has your edits.*--discard-edits/);
  assert.deepEqual(await app.files(), before);
  await apply(opened, await uninstall(opened, true));
  const after = await app.files();
  assert(!(FILE in after));
  assert.equal(after[mine], "ours\n");
});

Deno.test("tables that were taken out of config.toml by hand are in nobody's way", async () => {
  await using untouched = await exampleApp();
  await using app = await installed();
  await app.write(CONFIG, await untouched.read(CONFIG));
  const opened = await openApp(app.directory);
  await apply(opened, await uninstall(opened, false));
  assert.equal(await app.read(CONFIG), await untouched.read(CONFIG));
});

Deno.test("a line below our tables, which belongs to the last of them, does not become another's", async () => {
  await using app = await installed();
  await app.write(CONFIG, `${await app.read(CONFIG)}enabled = false\n`);
  const before = await app.files();
  const opened = await openApp(app.directory);
  await assert.rejects(uninstall(opened, false), /lines have been added below our tables/);
  await assert.rejects(upgrade(opened, second), /lines have been added below our tables/);
  assert.deepEqual(await app.files(), before);
});

Deno.test("their own migrations are theirs, whatever they are called", async () => {
  await using app = await installed();
  const report =
    "-- Execution contexts on our dashboard.\ncreate function public.my_report() returns int language sql as 'select 1';\n";
  await app.write("supabase/migrations/20300101000000_execution_contexts.sql", report);
  const opened = await openApp(app.directory);
  const changes = await uninstall(opened, false);
  const removal = changes.find(({ path }) => path.endsWith("_remove_execution_contexts.sql"));
  assert.doesNotMatch(removal?.after ?? "my_report", /my_report/);
});

Deno.test("an installation that was cut short is taken out as a whole one is", async () => {
  await using untouched = await exampleApp();
  const expected = await untouched.files();
  for (const count of [1, 2, 4]) {
    await using app = await exampleApp();
    const opened = await openApp(app.directory);
    await apply(opened, (await install(opened, first, "copilot_contexts")).slice(0, count));
    await assert.rejects(install(await openApp(app.directory), first, "copilot_contexts"), /uninstall, then install/);
    const again = await openApp(app.directory);
    await apply(again, await uninstall(again, false));
    const after = await app.files();
    const [removal] = Object.keys(after).filter((path) => path.endsWith("_remove_execution_contexts.sql"));
    delete after[removal];
    assert.deepEqual(after, expected);
  }
});
