/**
 * A text between the quotes of a JSON string, as yet unread. A flood of output is mostly left out: to read all of it as
 * JSON would cost several times what it costs to count it.
 */
export class EscapedText {
  constructor(private readonly raw: string) {}

  /**
   * The length of the text in characters (as JavaScript counts them), and in bytes of UTF-8: of those, what is not
   * ASCII and not escaped counts as one. The template escapes it.
   */
  measure(): { characters: number; bytes: number } {
    const { raw } = this;
    let characters = raw.length;
    let bytes = raw.length;
    for (let at = raw.indexOf("\\"); at !== -1;) {
      const size = escapeSize(raw, at);
      characters -= size - 1;
      bytes -= size - (size === 2 ? 1 : utf8Size(parseInt(raw.slice(at + 2, at + 6), 16)));
      at = raw.indexOf("\\", at + size);
    }
    return { characters, bytes };
  }

  /** The last characters of the text, at least `most` of them if it has as many. */
  tail(most: number): string {
    // No character takes more than six.
    const start = Math.max(0, this.raw.length - 6 * most);
    return read(this.raw.slice(afterEscape(this.raw, start)));
  }

  toString(): string {
    return read(this.raw);
  }
}

function read(raw: string): string {
  try {
    return String(JSON.parse(`"${raw}"`));
  } catch {
    // The parser's own words would quote the user's output into our log.
    return raw;
  }
}

function escapeSize(raw: string, at: number): 2 | 6 {
  return raw[at + 1] === "u" ? 6 : 2;
}

/** Where text goes on, from `at`, if that is in the middle of an escape. */
function afterEscape(raw: string, at: number): number {
  for (let escape = Math.max(0, at - 5); escape < at; escape++) {
    if (raw[escape] === "\\" && isOdd(backslashesUpTo(raw, escape))) {
      const after = escape + escapeSize(raw, escape);
      if (after > at) return after;
    }
  }
  return at;
}

/** How many backslashes stand in a row that ends at `at`. */
function backslashesUpTo(raw: string, at: number): number {
  let count = 0;
  while (raw[at - count] === "\\") count++;
  return count;
}

function isOdd(count: number): boolean {
  return count % 2 === 1;
}

/** Of one half of a surrogate pair, half of the pair's. */
function utf8Size(unit: number): number {
  if (unit < 0x80) return 1;
  return unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 2 : 3;
}
