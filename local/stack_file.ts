/** `.local/stack.json`: where the stack is, for as long as it is there. */

/** Whoever reads the file finds all of it or none; it holds keys, so nobody else may read it. */
export async function publish(file: string, json: string): Promise<void> {
  const draft = `${file}.${crypto.randomUUID()}`;
  await Deno.writeTextFile(draft, json, { mode: 0o600, createNew: true });
  await Deno.rename(draft, file);
}

export async function unpublish(file: string, json: string): Promise<void> {
  try {
    // A stack that was started later may have put its own in the place of ours.
    if (await Deno.readTextFile(file) === json) await Deno.remove(file);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
