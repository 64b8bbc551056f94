/** `deno task start` in a repository of its own, so that what a developer's own stack has in `.local` is left alone. */

import { join } from "node:path";
import { type Child, spawnChild } from "../../local/child.ts";
import { REPOSITORY } from "../../local/repository.ts";
import { FUNCTIONS, MIGRATIONS } from "./fixture.ts";

/** Has the fixture's functions and migrations; the caller removes it. */
export async function makeRepository(): Promise<string> {
  const repository = await Deno.makeTempDir();
  // For root, Postgres runs as another user, who passes through it to what is kept.
  await Deno.chmod(repository, 0o711);
  const { imports, tasks } = JSON.parse(await Deno.readTextFile(join(REPOSITORY, "deno.json")));
  await Deno.writeTextFile(join(repository, "deno.json"), JSON.stringify({ imports, tasks: { start: tasks.start } }));
  await Deno.mkdir(join(repository, "supabase"));
  await Deno.symlink(join(REPOSITORY, "local"), join(repository, "local"));
  await Deno.symlink(FUNCTIONS, join(repository, "supabase", "functions"));
  await Deno.symlink(MIGRATIONS, join(repository, "supabase", "migrations"));
  return repository;
}

export function start(repository: string, ...flags: string[]): Child {
  const { E2B_API_KEY: _, ...env } = Deno.env.toObject();
  return spawnChild({
    name: "start.ts",
    command: Deno.execPath(),
    args: ["run", "-A", join(repository, "local", "start.ts"), ...flags],
    cwd: repository,
    env: { ...env, NO_COLOR: "1" },
  });
}

/** Its exit code. */
export async function ended(child: Child): Promise<number> {
  const { code } = await child.exited;
  await child.stop();
  return code;
}

export const ready = (line: string) => /^Ready[:.] /.test(line) || undefined;
