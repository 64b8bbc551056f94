/** How much there is in a text of JSON, before it is parsed. */

const [QUOTE, BACKSLASH, COMMA, BRACKET, BRACE] = new TextEncoder().encode('"\\,[{');

/**
 * How many values a text of JSON has: objects, lists, and what is in them. What is not JSON may come to anything. Counts
 * to `most` and one more, no further.
 *
 * Each value costs the parser, and whoever looks at it after that, up to a hundred times the bytes that say it; a long
 * text costs hardly more than its length.
 */
export function countValues(json: string, most: number): number {
  let values = 1;
  for (let at = 0; at < json.length && values <= most; at++) {
    const unit = json.charCodeAt(at);
    if (unit === QUOTE) at = endOfText(json, at);
    else if (unit === COMMA || unit === BRACKET || unit === BRACE) values++;
  }
  return values;
}

/** Where the text ends whose first quote is at `start`. */
function endOfText(json: string, start: number): number {
  let at = start + 1;
  for (; at < json.length; at++) {
    const unit = json.charCodeAt(at);
    if (unit === BACKSLASH) at++;
    else if (unit === QUOTE) break;
  }
  return at;
}
