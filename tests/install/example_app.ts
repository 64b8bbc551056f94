/** An app that was there before: with migrations, functions, a `_shared` folder and settings of its own. */
import { dirname, join } from "node:path";

const CONFIG = `# The settings of our todo app. Ask in #platform before you change them.
project_id = "todos"

[api]
schemas = ["public", "graphql_public"] # both are needed
max_rows = 1000

[auth]
enable_anonymous_sign_ins = true

[functions.hello]
verify_jwt = true # users only
import_map = "./functions/hello/deno.json"

# The end.
`;

const FILES: Readonly<Record<string, string>> = {
  "supabase/config.toml": CONFIG,
  "supabase/migrations/20240101000000_todos.sql": `-- What our users have to do.
create table public.todos (
  id bigint generated always as identity primary key,
  user_id uuid not null,
  title text not null
);
alter table public.todos enable row level security;
grant select, insert, update, delete on public.todos to service_role;
`,
  // Of the same name as a view of ours, and none of its business.
  "supabase/migrations/20250301120000_app_contexts.sql": `create schema app;
create table app.execution_contexts (id uuid primary key, label text);
comment on table app.execution_contexts is 'Where a todo is done.';
`,
  "supabase/functions/hello/index.ts": `import { greet } from "../_shared/greet.ts";

export default { fetch: () => Response.json({ message: greet("world") }) };
`,
  "supabase/functions/hello/deno.json": `{ "imports": {} }\n`,
  "supabase/functions/_shared/greet.ts": `export function greet(name: string): string {
  return \`Hello, \${name}!\`;
}
`,
  "supabase/functions/.env.example": "# Of our app.\nGREETING=Hello\nE2B_API_KEY=the team's, ask in #platform\n",
};

export interface ExampleApp extends AsyncDisposable {
  readonly directory: string;
  read(path: string): Promise<string>;
  write(path: string, text: string): Promise<void>;
  /** Every file's text, by its path. */
  files(): Promise<Record<string, string>>;
}

/** @param more further files, or others in the place of its own */
export async function exampleApp(more: Readonly<Record<string, string>> = {}): Promise<ExampleApp> {
  const directory = await Deno.makeTempDir({ prefix: "example-app-" });
  const app: ExampleApp = {
    directory,
    read: (path) => Deno.readTextFile(join(directory, path)),
    write: async (path, text) => {
      await Deno.mkdir(dirname(join(directory, path)), { recursive: true });
      await Deno.writeTextFile(join(directory, path), text);
    },
    files: async () => Object.fromEntries(await listFiles(directory, "")),
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
  for (const [path, text] of Object.entries({ ...FILES, ...more })) await app.write(path, text);
  return app;
}

async function listFiles(directory: string, path: string): Promise<[string, string][]> {
  const files: [string, string][] = [];
  for await (const { name, isDirectory } of Deno.readDir(join(directory, path))) {
    const inner = path === "" ? name : `${path}/${name}`;
    // The CLI's own notes.
    if (inner === "supabase/.temp") continue;
    if (isDirectory) files.push(...await listFiles(directory, inner));
    else files.push([inner, await Deno.readTextFile(join(directory, inner))]);
  }
  return files.sort();
}
