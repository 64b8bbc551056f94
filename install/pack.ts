/** The npm package of the installer, whose executable installs without a clone and without Deno. */
import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "../local/bundle.ts";
import { packed } from "./npm_package.ts";
import { readRelease } from "./release.ts";
import { VERSION } from "../supabase/functions/_shared/version.ts";

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
export async function packInstaller(directory: string): Promise<string> {
  return await packed(MANIFEST, directory, async (folder) => {
    const functions = join("supabase", "functions");
    const names = (await readRelease()).functions.map((name) => join(functions, name, "index.ts"));
    for (const path of [...COPIED, ...names, join(functions, "deno.json"), join(functions, ".env.example")]) {
      await cp(join(ROOT, path), join(folder, path), { recursive: true });
    }
    await mkdir(join(folder, "install"), { recursive: true });
    const main = join(folder, "install", "main.js");
    await bundle(join(ROOT, "install", "main.ts"), main, ["--minify"]);
    await writeFile(main, `#!/usr/bin/env node\n${await Deno.readTextFile(main)}`);
  });
}
