/** What a kernel says of its state: bytes, which nobody reads here but kernels that become what it was. */
export class DumpedState {
  #parts: Uint8Array<ArrayBuffer>[] = [];
  #size = 0;
  /** How much is wanted of it; nothing, between two dumps. */
  #limit = 0;
  #more = Promise.withResolvers<void>();

  /** @param onNoise hears of what nobody has asked for, in bytes */
  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>, onNoise: (bytes: number) => void) {
    this.#receive(stream, onNoise);
  }

  /** From now on at most so many bytes are kept. */
  begin(limit: number): void {
    this.#limit = limit;
  }

  /** Resolves when so many bytes have come, or nothing more will. */
  async take(bytes: number): Promise<Uint8Array<ArrayBuffer>> {
    while (this.#size < bytes && this.#limit > 0) await this.#more.promise;
    return await new Blob(this.#parts).bytes();
  }

  end(): void {
    this.#parts = [];
    this.#size = this.#limit = 0;
    this.#more.resolve();
  }

  async #receive(
    stream: ReadableStream<Uint8Array<ArrayBuffer>>,
    onNoise: (bytes: number) => void,
  ): Promise<void> {
    for await (const part of stream) {
      if (this.#size + part.length > this.#limit) {
        onNoise(part.length);
        continue;
      }
      this.#parts.push(part);
      this.#size += part.length;
      this.#more.resolve();
      this.#more = Promise.withResolvers();
    }
  }
}
