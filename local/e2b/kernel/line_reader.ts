/** Reads a stream line by line, and never holds more than one line and one chunk. */
export class LineReader {
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #maxLength: number;
  #complete: string[] = [];
  // Not shifted out: of many lines that takes long for each.
  #given = 0;
  #partial: string[] = [];
  #partialLength = 0;

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>, maxLength: number) {
    this.#reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    this.#maxLength = maxLength;
  }

  /** The next line, or `null` at the end; throws when a line is too long. */
  async next(): Promise<string | null> {
    while (true) {
      const line = this.#complete[this.#given++];
      if (line !== undefined) return line;
      const { done, value } = await this.#reader.read();
      if (done) return null;
      this.#take(value);
    }
  }

  /** Gives the rest of the stream up. */
  async cancel(): Promise<void> {
    // Fails only if the stream failed before, and then there is nothing to give up.
    await this.#reader.cancel().catch(() => {});
  }

  #take(text: string): void {
    const [first = "", ...rest] = text.split("\n");
    this.#partialLength += first.length;
    if (this.#partialLength > this.#maxLength) {
      throw new Error(`a line is longer than ${this.#maxLength} characters`);
    }
    // Joined once, at the line's end: joining at every chunk would make the
    // time for a long line grow with its square.
    this.#partial.push(first);
    const last = rest.pop();
    if (last === undefined) return;
    this.#given = 0;
    this.#complete = [this.#partial.join(""), ...rest];
    this.#partial = [last];
    this.#partialLength = last.length;
  }
}
