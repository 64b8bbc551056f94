/** JavaScript for where there is no Deno. */

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
  const args = ["bundle", "--quiet", ...flags, "--output", output, entry];
  const { code, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: project, stdin: "null" }).output();
  if (code !== 0) throw new Error(`deno bundle: ${new TextDecoder().decode(stderr)}`);
}
