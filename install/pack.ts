/** `deno task pack`: the npm package, whose executable installs without a clone and without Deno. */
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { readRelease } from "./release.ts";
import { VERSION } from "./version.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const COPIED = ["README.md", "LICENSE", "docs", "supabase/migrations", "supabase/functions/_shared"];

const MANIFEST = {
  name: "execution-contexts",
  version: VERSION,
  description: "One live sandbox per conversation path, in a Supabase project of yours",
  license: "MIT",
  type: "module",
  bin: { "execution-contexts": "install/main.js" },
  files: ["install", "supabase", "docs"],
  engines: { node: ">=20" },
};

/** Returns the path of the tarball that it has put into `directory`. */
export async function pack(directory: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "execution-contexts-"));
  try {
    const functions = join("supabase", "functions");
    const names = (await readRelease()).functions.map((name) => join(functions, name, "index.ts"));
    for (const path of [...COPIED, ...names, join(functions, "deno.json"), join(functions, ".env.example")]) {
      await cp(join(ROOT, path), join(folder, path), { recursive: true });
    }
    await mkdir(join(folder, "install"), { recursive: true });
    const main = join(folder, "install", "main.js");
    await run(Deno.execPath(), ["bundle", "--quiet", "--minify", "--output", main, join(ROOT, "install", "main.ts")]);
    await writeFile(main, `#!/usr/bin/env node\n${await Deno.readTextFile(main)}`);
    await writeFile(join(folder, "package.json"), `${JSON.stringify(MANIFEST, null, 2)}\n`);
    await mkdir(directory, { recursive: true });
    const printed = await run("npm", ["pack", "--silent", "--pack-destination", resolve(directory)], folder);
    return join(directory, basename(printed.trim()));
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function run(command: string, args: string[], cwd = ROOT): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args, cwd, stdin: "null" }).output();
  if (code !== 0) throw new Error(`${command} ${args[0]}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

if (import.meta.main) console.log(await pack(join(ROOT, ".local")));
