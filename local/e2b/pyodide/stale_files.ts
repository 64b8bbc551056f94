const STALE_AFTER_MS = 24 * 60 * 60 * 1000;

/** Removes the files of a folder whose names begin so and that nobody made within a day: another version's. */
export async function removeStale(folder: string, prefix: string): Promise<void> {
  for await (const { name } of Deno.readDir(folder)) {
    if (!name.startsWith(prefix)) continue;
    const path = `${folder}/${name}`;
    // Parallel processes race for the same files; a lost race is no failure.
    const { mtime } = await Deno.stat(path).catch(() => ({ mtime: null }));
    if (mtime !== null && Date.now() - mtime.getTime() > STALE_AFTER_MS) {
      await Deno.remove(path).catch(() => {});
    }
  }
}
