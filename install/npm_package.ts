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
    const printed = await npm(["pack", "--silent", "--pack-destination", resolve(directory)], folder);
    return join(directory, basename(printed.trim()));
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function npm(args: string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("npm", { args, cwd, stdin: "null" }).output();
  if (code !== 0) throw new Error(`npm ${args[0]}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}
