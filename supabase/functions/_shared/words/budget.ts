/** Texts that must not grow beyond what a model is given to read. */

/** Models count in tokens, of which none is known here: in English and code one has some four characters. */
export const CHARACTERS_PER_TOKEN = 4;

/** The head and the tail of a text, and in words how much of its middle was left out. */
export function withoutMiddle(text: string, most: number): string {
  if (text.length <= most) return text;
  const mark = `\n[… ${text.length - most} characters left out …]\n`;
  const room = Math.max(0, most - mark.length);
  const head = Math.ceil(room * 0.6);
  return text.slice(0, head) + mark + text.slice(text.length - (room - head));
}

/** The end of a text, from the beginning of a line on if there is one. */
export function endOf(text: string, most: number): string {
  if (text.length <= most) return text;
  const end = text.slice(text.length - Math.max(0, most - 2));
  return `…\n${end.slice(end.indexOf("\n") + 1)}`;
}
