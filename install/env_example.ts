/** Our settings in the app's `supabase/functions/.env.example`. A variable that is there already is theirs. */
import { asLines, endingAs, gapAfter } from "./line_ends.ts";

const HEADER = "# Execution contexts. Only E2B_API_KEY is required; the others show their defaults.";

export interface Settings {
  /** The file with them. */
  readonly text: string;
  /** What of it is ours, its lines ending as ours do. */
  readonly block: string;
}

/**
 * `theirs` with what is missing of `settings`: behind `block`, which was put there before, or at the end. Null when
 * nothing is missing. Comments go with the variable that they precede.
 */
export function addSettings(theirs: string, settings: string, block = ""): Settings | null {
  const known = namesIn(theirs);
  const missing: string[] = [];
  let comments: string[] = [];
  for (const line of settings.split("\n")) {
    const name = nameIn(line);
    if (name === undefined && line.startsWith("#")) {
      comments.push(line);
      continue;
    }
    if (name !== undefined && !known.has(name)) missing.push(...comments, line);
    comments = [];
  }
  if (missing.length === 0) return null;
  const more = `${missing.join("\n")}\n`;
  const place = endingAs(theirs, block);
  const start = block === "" ? -1 : theirs.indexOf(place);
  if (start !== -1) {
    const end = start + place.length;
    return { text: theirs.slice(0, end) + endingAs(theirs, more) + theirs.slice(end), block: block + more };
  }
  const added = `${gapAfter(theirs)}${HEADER}\n${more}`;
  return { text: theirs + endingAs(theirs, added), block: added };
}

/** `theirs` without `block`, or null when that was edited since. */
export function removeSettings(theirs: string, block: string): string | null {
  const place = endingAs(theirs, block);
  const start = theirs.indexOf(place);
  return start === -1 ? null : theirs.slice(0, start) + theirs.slice(start + place.length);
}

function namesIn(text: string): Set<string> {
  return new Set(asLines(text).split("\n").map(nameIn).filter((name) => name !== undefined));
}

function nameIn(line: string): string | undefined {
  return /^\s*#?\s*(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=/.exec(line)?.[1];
}
