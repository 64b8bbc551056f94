/** The real Supabase CLI, as far as it works without Docker. It is run from npm's cache: tests need no network. */

import { REPOSITORY } from "../../local/repository.ts";

const VERSION = "3.1.0";

export interface Run {
  readonly code: number;
  readonly output: string;
}

/** Runs the CLI in the repository, or in another project's folder. */
export async function supabase(
  args: string[],
  env: Record<string, string> = {},
  directory: string | URL = REPOSITORY,
): Promise<Run> {
  const { code, output, errors } = await run(args, env, directory);
  return { code, output: output + errors };
}

/** Where npm has the CLI: to find it takes longer than most of what the CLI is asked. Null where npm has none. */
async function findCli(): Promise<string | null> {
  const { code, stdout } = await new Deno.Command("npx", {
    args: ["--offline", "--yes", `--package=supabase@${VERSION}`, "-c", "command -v supabase"],
    stdin: "null",
  }).output();
  return code === 0 ? new TextDecoder().decode(stdout).trim() : null;
}
let found: ReturnType<typeof findCli> | undefined;

async function run(
  args: string[],
  env: Record<string, string> = {},
  cwd: string | URL = REPOSITORY,
): Promise<Run & { readonly errors: string }> {
  const command = await (found ??= findCli());
  if (command === null) throw new Error(`npm has no supabase@${VERSION}`);
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd,
    env: { NO_COLOR: "1", npm_config_loglevel: "error", PGSSLMODE: "disable", DO_NOT_TRACK: "1", ...env },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return { code, output: text.decode(stdout), errors: text.decode(stderr) };
}

/** What installs the CLI, or null where it is there. */
export async function missingCli(): Promise<string | null> {
  const install = `npx -y supabase@${VERSION} --version`;
  try {
    return await (found ??= findCli()) === null ? install : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return `install Node.js, then ${install}`;
    throw error;
  }
}

/** The file that `deno task types` writes and the functions' store is typed by. */
export const TYPES = new URL("../../supabase/functions/_shared/database/types.ts", import.meta.url);

/** The types of the database at `url`, as `supabase gen types` has them, formatted. */
export async function generateTypes(url: string): Promise<string> {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const { code, output, errors } = await run(["gen", "types", `--remote=${url}`, "-s", "public"]);
    if (code !== 0) throw new Error(errors);
    await Deno.writeTextFile(file, output);
    await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", "--line-width", "120", file] }).output();
    return await Deno.readTextFile(file);
  } finally {
    await Deno.remove(file);
  }
}
