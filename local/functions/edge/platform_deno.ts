/** The Deno that the platform's runtime is built on. */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { localDirectory, REPOSITORY } from "../../repository.ts";
import { downloads } from "../environment.ts";

export interface PlatformDeno {
  readonly binary: string;
  /** By which it finds its cache, and npm as this one does. */
  readonly environment: Readonly<Record<string, string>>;
}

/** What https://github.com/supabase/edge-runtime embeds. */
export const PLATFORM_DENO = "2.1.4";

/** As npm calls them. */
const PLATFORMS: Record<string, string> = {
  "linux x86_64": "linux-x64-glibc",
  "linux aarch64": "linux-arm64-glibc",
  "darwin x86_64": "darwin-x64",
  "darwin aarch64": "darwin-arm64",
};

/** @throws {Error} when npm has none for this machine, or it cannot be fetched */
export async function findPlatformDeno(): Promise<PlatformDeno> {
  const platform = PLATFORMS[`${Deno.build.os} ${Deno.build.arch}`];
  if (platform === undefined) {
    throw new Error(
      `npm has no Deno ${PLATFORM_DENO} for ${Deno.build.os} on ${Deno.build.arch}: start without --runtime edge`,
    );
  }
  const module = fileURLToPath(new URL("find_deno.ts", import.meta.url));
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-lock", "--no-config", module, `@deno/${platform}@${PLATFORM_DENO}`],
    cwd: REPOSITORY,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  if (code !== 0) throw new Error(`Deno ${PLATFORM_DENO} cannot be fetched from npm: ${text.decode(stderr)}`);
  const binary = fileURLToPath(text.decode(stdout).trim());
  const cache = await makeCache(binary);
  // It must not ask whether there is a newer one.
  return { binary, environment: { ...downloads(), DENO_DIR: cache, DENO_NO_UPDATE_CHECK: "1" } };
}

/**
 * A cache of its own, because two versions of Deno empty each other's. npm's packages are the same to both: they lie five
 * levels above `npm/<registry>/@deno/<platform>/<version>/deno`.
 */
async function makeCache(binary: string): Promise<string> {
  const cache = join(await localDirectory(), "edge-runtime");
  await Deno.mkdir(cache, { recursive: true });
  // Several stacks start at once, or the packages lie elsewhere than at the last start: whoever comes last is right.
  const link = join(cache, `npm-${crypto.randomUUID()}`);
  await Deno.symlink(join(binary, "../../../../.."), link);
  await Deno.rename(link, join(cache, "npm"));
  return cache;
}

/**
 * The packages of a lock file, in the form that Deno 2.1.4 reads (version 4): without a lock file it would ask npm what
 * there is, and take newer ones than are in the cache.
 */
export function lockForPlatformDeno(lock: string): string {
  const { specifiers, npm }: { specifiers?: object; npm?: Record<string, Package> } = JSON.parse(lock);
  const packages = Object.entries(npm ?? {}).map(([id, one]) => {
    const { integrity, dependencies = [], optionalDependencies = [] } = one;
    return [id, { integrity, dependencies: [...new Set([...dependencies, ...optionalDependencies])] }];
  });
  return JSON.stringify({ version: "4", specifiers, npm: Object.fromEntries(packages) });
}

interface Package {
  readonly integrity: string;
  readonly dependencies?: readonly string[];
  readonly optionalDependencies?: readonly string[];
}
