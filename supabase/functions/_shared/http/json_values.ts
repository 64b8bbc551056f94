/** How much there is in a text of JSON, before it is parsed. */

const [QUOTE, BACKSLASH, COMMA, BRACKET, BRACE] = new TextEncoder().encode('"\\,[{');

/**
 * Whether JSON, in UTF-8, has more values than `most`: objects, lists, and what is in them. What is not JSON may come to
 * anything.
 *
 * Each value costs the parser, and whoever looks at it after that, up to a hundred times the bytes that say it; a long
 * text costs hardly more than its length.
 */
export function hasMoreValues(json: Uint8Array, most: number): boolean {
  let values = 1;
  let isInText = false;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at];
    if (isInText) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) isInText = false;
    } else if (byte === QUOTE) {
      isInText = true;
    } else if ((byte === COMMA || byte === BRACKET || byte === BRACE) && ++values > most) {
      return true;
    }
  }
  return false;
}
