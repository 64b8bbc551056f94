/** How an app's copy differs from what was installed. */
import { createTwoFilesPatch } from "diff";
import { type App, lockOf } from "./app.ts";
import { baseOf, hash } from "./lock.ts";
import { asLines } from "./line_ends.ts";

/** Files that were edited or removed since, with what they were. @throws Refusal when nothing is installed */
export async function edited(app: App): Promise<{ path: string; base: string; current: string | null }[]> {
  const found = [];
  for (const [path, file] of Object.entries(lockOf(app).files)) {
    const current = await app.read(path);
    if (current === null || hash(current) !== file.sha256) found.push({ path, base: baseOf(file), current });
  }
  return found;
}

/** The same as a patch, as `git diff` has it; "" where nothing differs. */
export async function compare(app: App): Promise<string> {
  const patches = (await edited(app)).map(({ path, base, current }) =>
    createTwoFilesPatch(`a/${path}`, current === null ? "/dev/null" : `b/${path}`, base, asLines(current ?? ""))
      .replace(/^=+\n/, "")
  );
  return patches.join("");
}
