/** The npm package of the client: one module, and its types. */
import { cp, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { packed } from "../../install/npm_package.ts";
import { VERSION } from "../../supabase/functions/_shared/version.ts";
import { bundle } from "../../local/bundle.ts";
import { declarations } from "./declarations.ts";

const CLIENT = fileURLToPath(new URL("../", import.meta.url));

const MANIFEST = {
  name: "execution-contexts-client",
  version: VERSION,
  description: "Runs code in one live sandbox per conversation path, by supabase-js",
  license: "MIT",
  type: "module",
  exports: { ".": { types: "./mod.d.ts", default: "./mod.js" } },
  files: ["**/*.js", "**/*.d.ts"],
  sideEffects: false,
  dependencies: { "eventsource-parser": "^4.1.3" },
  // From there on `invoke` takes a signal.
  peerDependencies: { "@supabase/supabase-js": "^2.75.0" },
  engines: { node: ">=20" },
};

/** Returns the path of the tarball that it has put into `directory`. */
export async function packClient(directory: string): Promise<string> {
  return await packed(MANIFEST, directory, async (folder) => {
    await cp(join(CLIENT, "../LICENSE"), join(folder, "LICENSE"));
    await cp(join(CLIENT, "README.md"), join(folder, "README.md"));
    await bundle(join(CLIENT, "mod.ts"), join(folder, "mod.js"), [
      "--minify",
      "--platform=browser",
      "--external=eventsource-parser",
    ]);
    for (const [path, text] of declarations()) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
  });
}
