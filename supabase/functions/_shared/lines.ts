/**
 * The lines of a stream of UTF-8, without their ends, until `signal` aborts.
 *
 * @throws RangeError when a line is longer than `longest` characters: whoever writes it could fill our memory.
 */
export async function* readLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  longest: number,
  signal: AbortSignal,
): AsyncGenerator<string> {
  let rest = "";
  // The signal ends the pipe too: once in a thousand times, Deno's fetch goes on reading after its own was aborted.
  for await (const chunk of stream.pipeThrough(new TextDecoderStream(), { signal })) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") yield line;
    if (rest.length > longest) throw new RangeError(`a line is longer than ${longest} characters`);
  }
  if (rest !== "") yield rest;
}
