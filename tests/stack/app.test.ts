import { createClient } from "@supabase/supabase-js";
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { ended, makeRepository, ready, start } from "./repository.ts";

const APP = {
  "supabase/config.toml": `
project_id = "app"
[functions.mapped]
import_map = "./maps/own.json" # beside the functions
[functions.elsewhere]
entrypoint = "./functions/elsewhere/main.ts"
[functions.only]
entrypoint = "./functions/only/main.ts"
[functions.off]
enabled = false
`,
  "supabase/maps/own.json": JSON.stringify({ imports: { "word/": "../words/" } }),
  "supabase/words/word.ts": `export const word = "mapped";`,
  "supabase/functions/.env": `GREETING="good day"\nSUPABASE_URL=http://elsewhere.example\n`,
  "supabase/functions/_shared/word.ts": `export const word = "shared";`,
  "supabase/functions/mapped/index.ts":
    `import { word } from "word/word.ts"; export default { fetch: () => Response.json({ word }) };`,
  // As the Supabase CLI's older template has it.
  "supabase/functions/served/deno.jsonc": `{ "imports": { "word": "../_shared/word.ts" /* the same name */, } }`,
  "supabase/functions/served/index.ts": `
    import { word } from "word";
    Deno.serve(async (request) => Response.json({ word, body: await request.json() }));`,
  "supabase/functions/optioned/index.ts": `
    import { word } from "../_shared/word.ts";
    Deno.serve({ port: 8000, handler: (_request: Request) => Response.json({ word,
      greeting: Deno.env.get("GREETING"), url: Deno.env.get("SUPABASE_URL"), anon: Deno.env.get("SUPABASE_ANON_KEY") }) });`,
  "supabase/functions/elsewhere/index.ts": `throw new Error("not this one");`,
  "supabase/functions/elsewhere/main.ts": `export default { fetch: () => new Response("main") };`,
  "supabase/functions/only/main.ts": `export default { fetch: () => new Response("only") };`,
  "supabase/functions/off/index.ts": `throw new Error("not enabled");`,
  // As pg_dump begins, and so does what \`supabase db pull\` writes.
  "supabase/migrations/20250101000000_pulled.sql": `
    select pg_catalog.set_config('search_path', '', false);
    create table public.pulled (id int);`,
  "supabase/migrations/20250201000000_unqualified.sql": `create table unqualified (id int);`,
  "supabase/migrations/20260101000000_notes.sql": `
    create table public.notes (id uuid primary key default gen_random_uuid(), note text,
      owner uuid default auth.uid() references auth.users (id));
    grant select, insert on public.notes to authenticated;`,
};

async function write(directory: string, files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await Deno.mkdir(dirname(join(directory, name)), { recursive: true });
    await Deno.writeTextFile(join(directory, name), text);
  }
}

async function listing(directory: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    found.push(...isDirectory ? await listing(join(directory, name)) : [join(directory, name)]);
  }
  return found.sort();
}

Deno.test("deno task start --app runs another project's migrations and functions", async (t) => {
  const repository = await makeRepository();
  const app = await Deno.makeTempDir();
  try {
    await write(app, APP);
    const before = await listing(app);
    const child = start(repository, "--port", "0", "--app", app, "--keep");
    await child.line(ready);
    const environment = JSON.parse(await Deno.readTextFile(join(repository, ".local", "stack.json")));
    const client = createClient(environment.API_URL, environment.PUBLISHABLE_KEY, {
      auth: { persistSession: false, autoRefreshToken: false },
    });
    const invoke = async (name: string) => {
      const { data, error } = await client.functions.invoke(name, { body: { a: 1 } });
      assert.equal(error, null);
      return data;
    };

    await t.step("with the import map that config.toml names, or the function's own", async () => {
      assert.deepEqual(await invoke("mapped"), { word: "mapped" });
      assert.deepEqual(await invoke("served"), { word: "shared", body: { a: 1 } });
    });

    await t.step("with the environment of its .env file, where the stack has no value of its own", async () => {
      assert.deepEqual(await invoke("optioned"), {
        word: "shared",
        greeting: "good day",
        url: environment.API_URL,
        anon: environment.PUBLISHABLE_KEY,
      });
    });

    await t.step("from the entry point that config.toml names, and not those that it switches off", async () => {
      assert.equal(await invoke("elsewhere"), "main");
      assert.equal(await invoke("only"), "only");
      const off = await fetch(`${environment.FUNCTIONS_URL}/off`);
      await off.body?.cancel();
      assert.equal(off.status, 404);
    });

    await t.step("on its tables, whose rows are users'", async () => {
      const { data: { user } } = await client.auth.signUp({ email: "ada@example.com", password: "correct horse" });
      const { data, error } = await client.from("notes").insert({ note: "mine" }).select("owner").single();
      assert.deepEqual({ error, owner: data?.owner }, { error: null, owner: user?.id });
    });

    Deno.kill(child.pid, "SIGINT");
    assert.equal(await ended(child), 0);

    await t.step("and writes nothing into its folder", async () => {
      assert.deepEqual(await listing(app), before);
      const kept = await Array.fromAsync(Deno.readDir(join(repository, ".local", "kept")));
      assert.equal(kept.length, 1);
      assert(kept[0]?.name.startsWith(`${app.split("/").at(-1)}-`));
    });

    await t.step("a file that cannot be read is named", async () => {
      const refused = async (files: Record<string, string>) => {
        await write(app, files);
        const child = start(repository, "--port", "0", "--app", app);
        assert.equal(await ended(child), 1);
        return child.log();
      };
      const map = "supabase/functions/served/deno.jsonc";
      assert.match(await refused({ [map]: "{" }), /served\/deno\.jsonc: /);
      assert.match(await refused({ "supabase/config.toml": "[functions" }), /supabase\/config\.toml: /);
      const neither = { ...APP, "supabase/functions/served/index.ts": "export const handler = 1;" };
      assert.match(await refused(neither), /served has no default export \{ fetch \}, and calls no Deno\.serve/);
      const nowhere = start(repository, "--app", join(app, "nowhere"));
      assert.equal(await ended(nowhere), 1);
      assert.match(nowhere.log(), /--app: there is no folder .*nowhere\/supabase/);
    });
  } finally {
    await Deno.remove(repository, { recursive: true });
    await Deno.remove(app, { recursive: true });
  }
});

Deno.test("a function that does not come to the end of its import does not keep a start from being stopped", async () => {
  const repository = await makeRepository();
  const app = await Deno.makeTempDir();
  try {
    await write(app, {
      "supabase/functions/endless/index.ts": "await Deno.serve(() => new Response()).finished;",
    });
    const child = start(repository, "--port", "0", "--app", app);
    // The functions' part is the last one then.
    await child.line((line) => line.includes("Starting PostgREST") ? line : undefined);
    Deno.kill(child.pid, "SIGINT");
    assert.equal(await ended(child), 0, child.log());
  } finally {
    await Deno.remove(app, { recursive: true });
    await Deno.remove(repository, { recursive: true });
  }
});
