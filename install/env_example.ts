/** Our settings in the app's `supabase/functions/.env.example`. A variable that is there already is theirs. */
const HEADER = "# Execution contexts. Only E2B_API_KEY is required; the others show their defaults.";

/** What is to be added to `theirs`, or "" when nothing is missing. Comments go with the variable that they precede. */
export function missingSettings(theirs: string, settings: string): string {
  const known = namesIn(theirs);
  const kept: string[] = [];
  let comments: string[] = [];
  for (const line of settings.split("\n")) {
    const name = nameIn(line);
    if (line.startsWith("#") && name === undefined) comments.push(line);
    else if (name !== undefined && !known.has(name)) {
      kept.push(...comments, line);
      comments = [];
    } else comments = [];
  }
  return kept.length === 0 ? "" : `${[HEADER, ...kept].join("\n")}\n`;
}

/** `theirs` with `block` at its end. */
export function addSettings(theirs: string, block: string): string {
  if (theirs === "") return block;
  return `${theirs}${theirs.endsWith("\n") ? "\n" : "\n\n"}${block}`;
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
