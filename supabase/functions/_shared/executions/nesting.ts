/**
 * Whether a value of JSON is nested deeper than `most`. Whoever writes JSON, or keeps it, goes down once a level, and
 * runs out of stack at some depth of its own; the reader of such a text has no trouble with it.
 */
export function isDeeper(value: object, most: number): boolean {
  let level = [value];
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > most) return true;
    const next: object[] = [];
    for (const item of level) {
      // Not by flattening: a list of a million numbers would be copied.
      for (const child of Array.isArray(item) ? item : Object.values(item)) {
        if (child instanceof Object) next.push(child);
      }
    }
    level = next;
  }
  return false;
}
