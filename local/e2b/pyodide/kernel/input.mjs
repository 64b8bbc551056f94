/** What the server says first: a line, and then perhaps bytes, of which no text is made. */
export class Input {
  #reader;
  #given = new Uint8Array();

  constructor(stream) {
    this.#reader = stream.getReader();
  }

  /** `null` if the stream ends before. */
  async line() {
    const parts = [];
    while (true) {
      const end = this.#given.indexOf("\n".charCodeAt(0));
      parts.push(this.#take(end === -1 ? this.#given.length : end + 1));
      if (end !== -1) return await new Blob(parts).text();
      if (!await this.#more()) return null;
    }
  }

  async bytes(count) {
    const bytes = new Uint8Array(count);
    for (let filled = 0; filled < count;) {
      if (this.#given.length === 0 && !await this.#more()) Deno.exit(0);
      const part = this.#take(count - filled);
      bytes.set(part, filled);
      filled += part.length;
    }
    return bytes;
  }

  /** All that comes after what was read. */
  rest() {
    return new ReadableStream({
      pull: async (controller) => {
        if (this.#given.length > 0 || await this.#more()) controller.enqueue(this.#take(Infinity));
        else controller.close();
      },
    });
  }

  async #more() {
    const { done, value } = await this.#reader.read();
    if (!done) this.#given = value;
    return !done;
  }

  #take(count) {
    const part = this.#given.subarray(0, count);
    this.#given = this.#given.subarray(part.length);
    return part;
  }
}
