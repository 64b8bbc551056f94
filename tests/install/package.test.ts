/** The npm package: its executable does on Node what `deno task install` does from a clone. */
import assert from "node:assert/strict";
import { baseOf, formatLock, LOCK_FILE, parseLock } from "../../install/lock.ts";
import { packInstaller } from "../../install/pack.ts";
import { needing } from "../support/needs.ts";
import { runIn } from "../support/npm.ts";
import { installer } from "./command.ts";
import { type ExampleApp, exampleApp } from "./example_app.ts";

const { test } = await needing("Node.js");

test("the package installs into an app, from an empty Node project", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const tarball = await packInstaller(directory);
    await Deno.writeTextFile(`${directory}/package.json`, '{ "name": "theirs", "private": true }\n');
    await runIn(directory, "npm", ["install", "--offline", "--no-audit", "--no-fund", tarball]);

    await using expected = await exampleApp();
    await using app = await exampleApp();
    await installer(["install", "--into", expected.directory]);
    await runIn(directory, "npx", ["--offline", "execution-contexts", "init", "--into", app.directory]);
    assert.deepEqual(await comparable(app), await comparable(expected));

    const diff = await runIn(directory, "npx", ["--offline", "execution-contexts", "diff", "--into", app.directory]);
    assert.match(diff, /without edits/);
    await runIn(directory, "npx", ["--offline", "execution-contexts", "uninstall", "--into", app.directory]);
    assert(!Object.keys(await app.files()).some((path) => path.includes("execute-code")));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

/** The files, but for when the migration was stamped, and for what a runtime's gzip makes of the same bytes. */
async function comparable(app: ExampleApp): Promise<Map<string, string>> {
  const files = new Map(
    Object.entries(await app.files()).map(([path, text]) => [path.replace(/\/\d{14}_(?=execution)/, "/"), text]),
  );
  const lock = parseLock(files.get(LOCK_FILE) ?? "");
  for (const [path, file] of Object.entries(lock.files)) files.set(`${LOCK_FILE}: ${path}`, baseOf(file));
  const withoutBases = Object.entries(lock.files).map(([path, file]) => [path, { ...file, base: "" }]);
  files.set(LOCK_FILE, formatLock({ ...lock, files: Object.fromEntries(withoutBases) }));
  return files;
}
