/**
 * Makes a file that is there whole or not at all. Several processes may make the same one at a time: each renames its own
 * into place, so whoever is last changes nothing for the others.
 * @param write fills the file of the path that it gets, which ends as `path` does
 */
export async function writeWhole(path: string, write: (path: string) => Promise<void>): Promise<void> {
  const draft = path.replace(/(?=\.\w+$)/, `.${crypto.randomUUID()}`);
  try {
    await write(draft);
    await Deno.rename(draft, path);
  } catch (error) {
    await Deno.remove(draft).catch(() => {});
    throw error;
  }
}
