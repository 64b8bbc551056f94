/** A line that was too long to keep: what it began with, and how long it was, in characters. */
export interface LongLine {
  readonly head: string;
  readonly length: number;
}

/** How much of a line that is too long is kept, in characters. */
const HEAD_CHARACTERS = 200;

/** The lines of a stream of UTF-8, without their ends, until `signal` aborts. At most `longest` characters are held. */
export async function* readLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  longest: number,
  signal: AbortSignal,
): AsyncGenerator<string | LongLine> {
  // Joined once a line: to append to one text, and search it again, takes seconds of a large plot's chunks.
  let pieces: string[] = [];
  let length = 0;
  const take = (piece: string) => {
    if (length <= longest && length + piece.length > longest) {
      pieces = [(pieces.join("") + piece).slice(0, HEAD_CHARACTERS)];
    } else if (length <= longest) {
      pieces.push(piece);
    }
    length += piece.length;
  };
  const finish = () => {
    const kept = pieces.join("");
    const line = length <= longest ? kept : { head: kept, length };
    pieces = [];
    length = 0;
    return line;
  };
  // The signal ends the pipe too: once in a thousand times, Deno's fetch goes on reading after its own was aborted.
  for await (const chunk of stream.pipeThrough(new TextDecoderStream(), { signal })) {
    let start = 0;
    for (let end = chunk.indexOf("\n"); end !== -1; end = chunk.indexOf("\n", start)) {
      take(chunk.slice(start, end));
      start = end + 1;
      if (length > 0) yield finish();
    }
    take(chunk.slice(start));
  }
  if (length > 0) yield finish();
}
