/** Makes packages for npm. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";

/**
 * Packs what `fill` puts into an empty folder.
 * @returns the path of the tarball, in `directory`
 */
export async function packed(
  manifest: Record<string, unknown> & { readonly name: string },
  directory: string,
  fill: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `${manifest.name}-`));
  try {
    await fill(folder);
    await writeFile(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
    await mkdir(directory, { recursive: true });
    const printed = await run("npm", ["pack", "--silent", "--pack-destination", resolve(directory)], folder);
    return join(directory, basename(printed.trim()));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/**
 * Makes one file of a module and all that it imports.
 * @param project the folder of whose project the module is, where that is another one
 */
export async function bundle(
  entry: string,
  output: string,
  flags: readonly string[],
  project?: string,
): Promise<void> {
  await run(Deno.execPath(), ["bundle", "--quiet", ...flags, "--output", output, entry], project);
}

async function run(command: string, args: string[], cwd?: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args, cwd, stdin: "null" }).output();
  if (code !== 0) throw new Error(`${command} ${args[0]}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}
