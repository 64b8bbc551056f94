/** How long a reader may take for one piece, in milliseconds; after that it counts as gone. */
const TAKING_MILLISECONDS = 15_000;

/** What the platform's TypeScript has no parameter for, and newer ones must have one. */
type Bytes = ReturnType<TextEncoder["encode"]>;

/** A stream of text that is written as fast as its reader reads, and that nobody waits for once the reader has gone. */
export class TextStream {
  readonly readable: ReadableStream<Bytes>;
  readonly #encoder = new TextEncoder();
  #controller: ReadableStreamDefaultController<Bytes> | undefined;
  #room = Promise.withResolvers<void>();

  /** `gone` is aborted when the reader goes away, and says so when others have found out. */
  constructor(private readonly gone: AbortController) {
    const makeRoom = () => {
      this.#room.resolve();
      this.#room = Promise.withResolvers();
    };
    this.readable = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: makeRoom,
      // This is how a stream learns that its reader has left, be it while it says nothing.
      cancel: () => gone.abort(),
    });
    gone.signal.addEventListener("abort", makeRoom);
  }

  /** Whether all that was written has been taken. */
  get isIdle(): boolean {
    return (this.#controller?.desiredSize ?? 0) > 0;
  }

  /** Writes a piece, and waits until it is taken. */
  async write(text: string): Promise<void> {
    if (this.gone.signal.aborted) return;
    this.#controller?.enqueue(this.#encoder.encode(text));
    const patience = setTimeout(() => this.gone.abort(), TAKING_MILLISECONDS);
    while (!this.isIdle && !this.gone.signal.aborted) await this.#room.promise;
    clearTimeout(patience);
  }

  /** Ends the stream; it breaks when its reader has gone, as nobody must take what came for all there was. */
  end(): void {
    if (this.gone.signal.aborted) this.#controller?.error(new Error("The reader has gone."));
    else this.#controller?.close();
  }
}
