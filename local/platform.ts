/** Whether the stack can run on a machine, and what it lacks there. */

import { delimiter, join } from "node:path";

/** As `Deno.build` has it. */
export interface Platform {
  readonly os: string;
  readonly arch: string;
}

/** For these npm has a Postgres, and Deno the rest. */
const SUPPORTED = ["linux x86_64", "linux aarch64", "darwin x86_64", "darwin aarch64"];

/** npm has a PostgREST for Linux on x64 alone; elsewhere it has to be installed. */
export function hasPackagedPostgrest({ os, arch }: Platform): boolean {
  return os === "linux" && arch === "x86_64";
}

/**
 * What keeps the stack from running on a platform, and what helps, in one line; null where it can run.
 * @param path the environment variable PATH
 */
export async function missingOn(platform: Platform, path: string): Promise<string | null> {
  const { os, arch } = platform;
  if (os === "windows") return "Windows: the local stack runs in WSL 2 (`wsl --install`); start it from there";
  if (!SUPPORTED.includes(`${os} ${arch}`)) {
    return `The local stack runs on Linux and macOS, on x64 and ARM64; this is ${os} on ${arch}`;
  }
  if (hasPackagedPostgrest(platform) || await findOnPath("postgrest", path) !== null) return null;
  return os === "darwin"
    ? "PostgREST is missing: `brew install postgrest`"
    : "PostgREST is missing: put `postgrest` on the PATH, from https://github.com/PostgREST/postgrest/releases";
}

/** The file that a command names, or null. */
export async function findOnPath(command: string, path: string): Promise<string | null> {
  for (const directory of path.split(delimiter)) {
    const file = join(directory, command);
    try {
      if ((await Deno.stat(file)).isFile) return file;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) throw error;
    }
  }
  return null;
}

/** Ends this process, before it has started anything, where the stack cannot run. */
export async function requirePlatform(): Promise<void> {
  const missing = await missingOn(Deno.build, Deno.env.get("PATH") ?? "");
  if (missing === null) return;
  console.error(missing);
  Deno.exit(1);
}
