/**
 * The lines of a stream of UTF-8, without their ends, until `signal` aborts. A line of more than `longest` characters is
 * not kept: null stands in its place.
 */
export async function* readLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  longest: number,
  signal: AbortSignal,
): AsyncGenerator<string | null> {
  // Joined once a line: to append to one text, and search it again, takes seconds of a large plot's chunks.
  let pieces: string[] = [];
  let length = 0;
  const take = (piece: string) => {
    length += piece.length;
    if (length <= longest) pieces.push(piece);
    else pieces = [];
  };
  const finish = () => {
    const line = length <= longest ? pieces.join("") : null;
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
