/** Our settings in the app's `supabase/functions/.env.example`. A variable that is there already is theirs. */
const HEADER = "# Execution contexts. Only E2B_API_KEY is required; the others show their defaults.";

export interface Settings {
  /** The file with them. */
  readonly text: string;
  /** What of it is ours. */
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
  const start = block === "" ? -1 : theirs.indexOf(block);
  if (start !== -1) {
    const end = start + block.length;
    return { text: theirs.slice(0, end) + more + theirs.slice(end), block: block + more };
  }
  const gap = theirs === "" ? "" : theirs.endsWith("\n") ? "\n" : "\n\n";
  const added = `${HEADER}\n${more}`;
  return { text: theirs + gap + added, block: added };
}

/** `theirs` without `block`, or null when that was edited since. */
export function removeSettings(theirs: string, block: string): string | null {
  const start = theirs.indexOf(block);
  if (start === -1) return null;
  const head = theirs.slice(0, start);
  return (head.endsWith("\n\n") ? head.slice(0, -1) : head) + theirs.slice(start + block.length);
}

function namesIn(text: string): Set<string> {
  return new Set(text.split("\n").map(nameIn).filter((name) => name !== undefined));
}

function nameIn(line: string): string | undefined {
  return /^\s*#?\s*(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=/.exec(line)?.[1];
}
