/** How much may be on its way to a program that it has not read. */
const ROOM_BYTES = 1024 * 1024;

/** What a program is given to read, at its own pace: who writes waits for it, not the memory of the sandbox. */
export class Input {
  readonly writable: WritableStream<Uint8Array<ArrayBufferLike>>;
  #untaken = 0;
  #hasEnded = false;
  #room = Promise.withResolvers<void>();

  /** @param send takes some of it; nothing at all is its end */
  constructor(send: (bytes: Uint8Array) => void) {
    this.writable = new WritableStream({
      write: async (bytes) => {
        if (bytes.length === 0 || this.#hasEnded) return;
        send(bytes);
        this.#untaken += bytes.length;
        while (this.#untaken > ROOM_BYTES && !this.#hasEnded) await this.#room.promise;
      },
      close: () => send(new Uint8Array()),
    });
  }

  /** Tells that the program has read some of it, or never will. */
  taken(bytes: number): void {
    this.#untaken -= bytes;
    this.#makeRoom();
  }

  /** Nobody reads it any more. */
  end(): void {
    this.#hasEnded = true;
    this.#makeRoom();
  }

  #makeRoom(): void {
    this.#room.resolve();
    this.#room = Promise.withResolvers();
  }
}
