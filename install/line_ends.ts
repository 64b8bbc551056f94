/** Whatever git and editors make of line ends on a machine. */

/** A text whose lines end as ours do. */
export function asLines(text: string): string {
  return text.replaceAll("\r\n", "\n");
}

/** `lines` as the lines of `text` end. */
export function endingAs(text: string, lines: string): string {
  return text.includes("\r\n") ? lines.replaceAll("\n", "\r\n") : lines;
}

/** What comes before a block at the end of `text`: an empty line. */
export function gapAfter(text: string): string {
  return text === "" ? "" : text.endsWith("\n") ? "\n" : "\n\n";
}
