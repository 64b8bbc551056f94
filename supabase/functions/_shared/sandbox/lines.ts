import { SMALL_BYTES } from "../memory.ts";

/** A line that was too long to keep: what it began with, and how long it was, in characters. */
export interface LongLine {
  readonly head: string;
  readonly length: number;
}

/** How much of a line that is too long is kept, in characters. */
const HEAD_CHARACTERS = 200;
/** How much is read at once, in bytes. */
const BUFFER_BYTES = 64 * 1024;

/**
 * The lines of a stream of UTF-8, without their ends, until `signal` aborts. At most `longest` characters are held, and
 * of each no more than what is small unless `hasRoom` says so.
 */
export async function* readLines(
  stream: NonNullable<Response["body"]>,
  longest: number,
  signal: AbortSignal,
  hasRoom: () => Promise<boolean> = () => Promise.resolve(true),
): AsyncGenerator<string | LongLine> {
  // Joined once a line: to append to one text, and search it again, takes seconds of a large plot's chunks.
  let pieces: string[] = [];
  let length = 0;
  const small = Math.min(longest, SMALL_BYTES);
  let most = small;
  const take = (piece: string) => {
    if (length <= most && length + piece.length > most) {
      pieces = [(pieces.join("") + piece).slice(0, HEAD_CHARACTERS)];
    } else if (length <= most) {
      pieces.push(piece);
    }
    length += piece.length;
  };
  const finish = () => {
    const kept = pieces.join("");
    const line = length <= most ? kept : { head: kept, length };
    pieces = [];
    length = 0;
    most = small;
    return line;
  };
  // Into one buffer: those that a stream makes for each piece are garbage that is collected only at some 60 MB.
  const reader = stream.getReader({ mode: "byob" });
  // Besides the fetch's own signal: once in a thousand times, Deno's goes on reading after that was aborted.
  const cancel = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", cancel);
  const decoder = new TextDecoder();
  let buffer = new Uint8Array(BUFFER_BYTES);
  try {
    while (!signal.aborted) {
      const { done, value } = await reader.read(buffer);
      if (done || !value) break;
      const chunk = decoder.decode(value, { stream: true });
      buffer = new Uint8Array(value.buffer);
      // Not in the middle of a line that has been too long.
      if (most < longest && length <= most && length + chunk.length > most && await hasRoom()) most = longest;
      let start = 0;
      for (let end = chunk.indexOf("\n"); end !== -1; end = chunk.indexOf("\n", start)) {
        take(chunk.slice(start, end));
        start = end + 1;
        if (length > 0) yield finish();
      }
      take(chunk.slice(start));
    }
    if (length > 0) yield finish();
  } finally {
    signal.removeEventListener("abort", cancel);
    cancel();
  }
}
