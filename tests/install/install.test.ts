/** Installing: what is put into an app, what it refuses, and that nothing else changes. */
import assert from "node:assert/strict";
import { parse } from "smol-toml";
import { openApp } from "../../install/app.ts";
import { apply } from "../../install/change.ts";
import { hash, parseLock } from "../../install/lock.ts";
import { readRelease } from "../../install/release.ts";
import { installer } from "./command.ts";
import { exampleApp } from "./example_app.ts";

const CONFIG = "supabase/config.toml";
const ENV = "supabase/functions/.env.example";
const LOCK = "supabase/execution-contexts.lock.json";

Deno.test("an app gets functions, what they share, settings and one migration, and keeps what is its own", async () => {
  await using app = await exampleApp();
  const before = await app.files();
  const { code, output } = await installer(["install", "--into", app.directory]);
  assert.equal(code, 0, output);
  const after = await app.files();
  const release = await readRelease();

  await expectUnchanged(before, after, [CONFIG, ENV]);
  for (const [path, text] of release.files) assert.equal(after[path], text, path);
  const added = Object.keys(after).filter((path) => !(path in before) && !release.files.has(path));
  const migration = added.find((path) => path.startsWith("supabase/migrations/"));
  assert(migration);
  assert.deepEqual(added.sort(), [LOCK, migration].sort());

  assert.match(migration, /\/20\d{12}_execution_contexts\.sql$/);
  const sql = after[migration];
  let place = 0;
  for (const part of release.migrations) {
    const next = sql.indexOf(part.sql.trim(), place);
    assert(next > place, `${part.name} is missing, or out of its order`);
    place = next;
  }

  const lock = parseLock(after[LOCK]);
  assert.equal(lock.version, release.version);
  assert.deepEqual(Object.keys(lock.files).sort(), [...release.files.keys()].sort());
  for (const [path, text] of release.files) assert.equal(lock.files[path].sha256, hash(text));
  assert.match(output, /npx supabase db push/);
});

Deno.test("config.toml keeps every comment, and has four tables more", async () => {
  await using app = await exampleApp();
  const before = await app.read(CONFIG);
  await installer(["install", "--into", app.directory]);
  const after = await app.read(CONFIG);
  assert(after.startsWith(before));
  const table = (name: string) => ({
    verify_jwt: false,
    import_map: `./functions/${name}/deno.json`,
    entrypoint: `./functions/${name}/index.ts`,
  });
  const names = ["acquire-context", "execute-code", "mcp", "terminate-context"];
  // The parser's objects have no prototype.
  const read = (text: string) => JSON.parse(JSON.stringify(parse(text)));
  const { functions: theirs, ...rest } = read(before);
  const ours = Object.fromEntries(names.map((name) => [name, table(name)]));
  assert.deepEqual(read(after), { ...rest, functions: { ...theirs, ...ours } });
});

Deno.test("the settings that an app does not have come to its own", async () => {
  await using app = await exampleApp();
  const before = await app.read(ENV);
  await installer(["install", "--into", app.directory]);
  const after = await app.read(ENV);
  assert(after.startsWith(before));
  const names = [...after.matchAll(/^([A-Z0-9_]+)=/gm)].map(([, name]) => name);
  assert.deepEqual(names.slice(0, 2), ["GREETING", "E2B_API_KEY"]);
  assert(names.includes("SANDBOX_TEMPLATE"));
  assert.equal(new Set(names).size, names.length);
});

Deno.test("a dry run shows the same, and does nothing", async () => {
  await using app = await exampleApp();
  const before = await app.files();
  const { code, output } = await installer(["install", "--into", app.directory, "--dry-run"]);
  assert.equal(code, 0, output);
  for (const what of ["execute-code/", "_execution-contexts/", CONFIG, ENV, "_execution_contexts.sql", LOCK]) {
    assert(output.includes(what), what);
  }
  assert.deepEqual(await app.files(), before);
});

/** What an app may have, and what it is told then. */
const COLLISIONS: readonly [string, Readonly<Record<string, string>>, RegExp][] = [
  ["a function of the same name", {
    "supabase/functions/execute-code/index.ts": "Deno.serve(() => new Response());\n",
  }, /supabase\/functions\/execute-code\/index\.ts: is there already/],
  ["a table of the same name in config.toml", {
    [CONFIG]: 'project_id = "todos"\n[functions.execute-code]\nverify_jwt = true\n',
  }, /config\.toml: \[functions\.execute-code\] is there already/],
  ["tables in one line, to which none can be added", {
    [CONFIG]: 'project_id = "todos"\nfunctions = { hello = { verify_jwt = true } }\n',
  }, /config\.toml: line \d+/],
  ["an API without the schema public", {
    [CONFIG]: 'project_id = "todos"\n[api]\nschemas = ["api"]\n',
  }, /config\.toml: \[api\] does not serve the schema public/],
  ["a table of the view's name", {
    "supabase/migrations/20250401000000_mine.sql": 'create table "execution_contexts" (id int);\n',
  }, /public\.execution_contexts: is made by supabase\/migrations\/20250401000000_mine\.sql\. .*--view NAME/],
  ["a function of the same name in SQL", {
    "supabase/migrations/20250401000000_mine.sql":
      "CREATE OR REPLACE FUNCTION Public.copilot_claim_context () returns void language sql as '';\n",
  }, /public\.copilot_claim_context: is made by/],
];
for (const [what, files, told] of COLLISIONS) {
  Deno.test(`refused by name, and nothing is changed: ${what}`, async () => {
    await using app = await exampleApp(files);
    const before = await app.files();
    const { code, output } = await installer(["install", "--into", app.directory]);
    assert.equal(code, 1, output);
    assert.match(output, told);
    assert.deepEqual(await app.files(), before);
  });
}

Deno.test("all collisions are told at once", async () => {
  await using app = await exampleApp({ ...COLLISIONS[0][1], ...COLLISIONS[1][1], ...COLLISIONS[4][1] });
  const { output } = await installer(["install", "--into", app.directory]);
  for (const [, , told] of [COLLISIONS[0], COLLISIONS[1], COLLISIONS[4]]) assert.match(output, told);
});

Deno.test("what was dropped again, or only stands in a comment, is in nobody's way", async () => {
  await using app = await exampleApp({
    "supabase/migrations/20250401000000_once.sql": "create table public.execution_contexts (id int);\n",
    "supabase/migrations/20250402000000_gone.sql":
      "drop table if exists execution_contexts;\n-- create view public.execution_contexts as select 1;\n",
  });
  const { code, output } = await installer(["install", "--into", app.directory]);
  assert.equal(code, 0, output);
});

Deno.test("the view takes another name, so that a table may keep its own", async () => {
  await using app = await exampleApp(COLLISIONS[4][1]);
  const { code, output } = await installer(["install", "--into", app.directory, "--view", "copilot_contexts"]);
  assert.equal(code, 0, output);
  const sql = Object.entries(await app.files()).find(([path]) => path.endsWith("_execution_contexts.sql"))?.[1] ?? "";
  assert.match(sql, /create or replace view public\.copilot_contexts\n/);
  assert.doesNotMatch(sql, /public\.execution_contexts/);
});

Deno.test("a function of their own for agents stays, where ours is left out", async () => {
  const theirs = "supabase/functions/mcp/index.ts";
  await using app = await exampleApp({ [theirs]: "Deno.serve(() => new Response());\n" });
  const refused = await installer(["install", "--into", app.directory]);
  assert.match(refused.output, /functions\/mcp\/index\.ts: is there already, and not from here\. .*--without mcp/);
  assert.equal((await installer(["install", "--into", app.directory, "--without", "mcp"])).code, 0);
  assert.doesNotMatch(await app.read(CONFIG), /functions\.mcp/);
  const { output } = await installer(["upgrade", "--into", app.directory]);
  assert.match(output, /nothing to do/);
  assert.equal((await installer(["uninstall", "--into", app.directory])).code, 0);
  assert.equal(await app.read(theirs), "Deno.serve(() => new Response());\n");
});

Deno.test("the migration comes after all of theirs, be they dated in the future", async () => {
  await using app = await exampleApp({ "supabase/migrations/29991231235959_future.sql": "select 1;\n" });
  await installer(["install", "--into", app.directory]);
  const names = Object.keys(await app.files()).filter((path) => path.startsWith("supabase/migrations/")).sort();
  assert.match(names[names.length - 1], /_execution_contexts\.sql$/);
});

Deno.test("a file with a machine's line ends keeps them", async () => {
  const config = 'project_id = "todos"\r\n\r\n[functions.hello]\r\nverify_jwt = true\r\n';
  await using app = await exampleApp({ [CONFIG]: config });
  assert.equal((await installer(["install", "--into", app.directory])).code, 0);
  const after = await app.read(CONFIG);
  assert(after.startsWith(config));
  assert.doesNotMatch(after, /[^\r]\n/);
  assert.equal((await installer(["uninstall", "--into", app.directory])).code, 0);
  assert.equal(await app.read(CONFIG), config);
});

Deno.test("where it is not asked for rightly, it says what is wrong", async () => {
  await using app = await exampleApp();
  const nowhere = `${app.directory}/nowhere`;
  const empty = await Deno.makeTempDir();
  try {
    for (
      const [args, code, told] of [
        [["install", "--into", nowhere], 1, /there is no such folder/],
        [["install", "--into", empty], 1, /npx supabase init/],
        [["install", "--into", new URL("../..", import.meta.url).pathname], 1, /is this project itself/],
        [["install", "--into", app.directory, "--view", "Bad-Name"], 2, /--view/],
        [["install", "--onto", app.directory], 2, /--onto/],
        [["instal"], 2, /no command "instal"/],
        [["diff", "--into", app.directory], 1, /nothing is installed there/],
        [["upgrade", "--into", app.directory], 1, /nothing is installed there/],
        [["uninstall", "--into", app.directory], 1, /nothing is installed there/],
      ] as const
    ) {
      const run = await installer([...args]);
      assert.equal(run.code, code, run.output);
      assert.match(run.output, told);
    }
  } finally {
    await Deno.remove(empty);
  }
});

Deno.test("a second installation is refused", async () => {
  await using app = await exampleApp();
  await installer(["install", "--into", app.directory]);
  const before = await app.files();
  const { code, output } = await installer(["install", "--into", app.directory]);
  assert.equal(code, 1);
  assert.match(output, /is installed there.*upgrade/);
  assert.deepEqual(await app.files(), before);
});

Deno.test("where one file cannot be written, none is", async () => {
  await using app = await exampleApp();
  const before = await app.files();
  const opened = await openApp(app.directory);
  await assert.rejects(apply(opened, [
    { path: "supabase/functions/one/index.ts", before: null, after: "1" },
    { path: CONFIG, before: before[CONFIG], after: "changed" },
    // A file where a folder would have to be.
    { path: `${ENV}/two`, before: null, after: "2" },
  ]));
  assert.deepEqual(await app.files(), before);
});

Deno.test("of two who install at once one does", async () => {
  await using app = await exampleApp();
  const runs = await Promise.all(
    ["one", "two"].map((view) => installer(["install", "--into", app.directory, "--view", view])),
  );
  assert.deepEqual(runs.map(({ code }) => code).sort(), [0, 1], runs.map(({ output }) => output).join("\n"));
  const winner = runs[0].code === 0 ? "one" : "two";
  const files = await app.files();
  assert.equal(parseLock(files[LOCK]).view, winner);
  assert.equal(Object.keys(files).filter((path) => path.endsWith("_execution_contexts.sql")).length, 1);
  assert.match((await installer(["diff", "--into", app.directory])).output, /without edits/);
});

Deno.test("a file that is a link stays one, and may be read by whom it could be", async () => {
  await using app = await exampleApp();
  await app.write("shared/config.toml", await app.read(CONFIG));
  await Deno.chmod(`${app.directory}/shared/config.toml`, 0o640);
  await Deno.remove(`${app.directory}/${CONFIG}`);
  await Deno.symlink("../shared/config.toml", `${app.directory}/${CONFIG}`);
  assert.equal((await installer(["install", "--into", app.directory])).code, 0);
  assert((await Deno.lstat(`${app.directory}/${CONFIG}`)).isSymlink);
  assert.match(await app.read("shared/config.toml"), /\[functions\.execute-code\]/);
  assert.equal(((await Deno.stat(`${app.directory}/shared/config.toml`)).mode ?? 0) & 0o777, 0o640);
});

Deno.test("files that end without a line's end are what they were when all is taken out again", async () => {
  const files = { [CONFIG]: 'project_id = "todos"', [ENV]: "GREETING=Hello\r\nE2B_API_KEY=x" };
  await using app = await exampleApp(files);
  assert.equal((await installer(["install", "--into", app.directory])).code, 0);
  assert.doesNotMatch(await app.read(ENV), /[^\r]\n/);
  assert.equal((await installer(["uninstall", "--into", app.directory])).code, 0);
  for (const [path, text] of Object.entries(files)) assert.equal(await app.read(path), text);
});

Deno.test("what somebody has changed meanwhile is not overwritten", async () => {
  await using app = await exampleApp();
  const opened = await openApp(app.directory);
  await app.write(CONFIG, 'project_id = "another"\n');
  await assert.rejects(apply(opened, [{ path: CONFIG, before: opened.config, after: "" }]), /has changed meanwhile/);
});

function expectUnchanged(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
  but: readonly string[],
): void {
  for (const [path, text] of Object.entries(before)) if (!but.includes(path)) assert.equal(after[path], text, path);
}
