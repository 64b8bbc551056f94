/** A project of somebody's, made with npm, in which the client's package is installed. */
import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { packClient } from "../../client/package/pack.ts";
import { runIn } from "../support/npm.ts";

/** Its folder, with these files of another one in it. Needs Node.js. */
export async function newProject(parts: AsyncDisposableStack, from: URL, files: readonly string[]): Promise<string> {
  const directory = parts.adopt(await Deno.makeTempDir(), (path) => Deno.remove(path, { recursive: true }));
  const tarball = await packClient(join(directory, "tarball"));
  await placeDependencies(directory);
  await runIn(directory, "npm", ["install", "--offline", "--no-audit", "--no-fund", tarball]);
  for (const file of files) await cp(fileURLToPath(new URL(file, from)), join(directory, file));
  return directory;
}

/** Packages that a project with npm's would have, from what Deno has in its cache: tests need no network. */
async function placeDependencies(directory: string): Promise<void> {
  const { imports } = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
  const names = ["@supabase/supabase-js", "eventsource-parser"];
  const dependencies = Object.fromEntries(names.map((name) => [name, imports[name].split("@").at(-1)]));
  const manifest = { name: "theirs", private: true, type: "module", dependencies };
  const linked = join(directory, "linked");
  await mkdir(linked);
  for (const folder of [directory, linked]) {
    await Deno.writeTextFile(join(folder, "package.json"), JSON.stringify(manifest));
  }
  // What a cache knows of packages besides depends on what has been run before.
  await cp(new URL("../../deno.lock", import.meta.url), join(linked, "deno.lock"));
  await runIn(linked, Deno.execPath(), ["install", "--quiet", "--cached-only", "--node-modules-dir=manual"]);
  // Deno links them together, which npm would take for packages that are being developed.
  const store = join(linked, "node_modules", ".deno");
  for await (const { name, isDirectory } of Deno.readDir(store)) {
    const [, packageName] = /^(@?[^@]+)@/.exec(name) ?? [];
    if (!isDirectory || packageName === undefined || packageName === "theirs") continue;
    const place = packageName.replace("+", "/");
    await cp(join(store, name, "node_modules", place), join(directory, "node_modules", place), { recursive: true });
  }
}
