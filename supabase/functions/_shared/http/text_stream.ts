import { setImmediate } from "node:timers";

/** How long a reader may take for one piece, in milliseconds; after that it counts as gone. */
export const TAKING_MILLISECONDS = 15_000;

/** What the platform's TypeScript has no parameter for, and newer ones must have one. */
export type Bytes = ReturnType<TextEncoder["encode"]>;

/** How much is gathered while the reader is at the piece before, in characters, until the writer waits. */
const GATHERED_CHARACTERS = 16 * 1024;

/**
 * A stream of text that is written as fast as its reader reads, and that nobody waits for once the reader has gone. What
 * is small comes together: to send a thousand words one by one costs a hundred times their writing.
 */
export class TextStream {
  readonly readable: ReadableStream<Bytes>;
  readonly #encoder = new TextEncoder();
  #controller: ReadableStreamDefaultController<Bytes> | undefined;
  #room = Promise.withResolvers<void>();
  #gathered = "";
  #isHandingOver = false;
  #handedOver: Promise<void> | undefined;

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
    return this.#gathered === "" && this.#isTaken;
  }

  /** Writes a piece, and waits until it is taken, unless it is small, and so is what waits with it. */
  async write(text: string): Promise<void> {
    if (this.gone.signal.aborted) return;
    this.#gathered += text;
    const isMuch = this.#gathered.length >= GATHERED_CHARACTERS;
    if (!this.#isHandingOver) this.#handedOver = this.#handOver();
    if (isMuch) await this.#handedOver;
  }

  /**
   * Ends the stream, when all of it is taken; it breaks when its reader has gone, as nobody must take what came for all
   * there was.
   */
  async end(): Promise<void> {
    await this.#handedOver;
    if (this.gone.signal.aborted) this.#controller?.error(new Error("The reader has gone."));
    else this.#controller?.close();
  }

  get #isTaken(): boolean {
    return (this.#controller?.desiredSize ?? 0) > 0;
  }

  async #handOver(): Promise<void> {
    this.#isHandingOver = true;
    while (this.#gathered !== "" && !this.gone.signal.aborted) {
      this.#controller?.enqueue(this.#encoder.encode(this.#gathered));
      this.#gathered = "";
      const patience = setTimeout(() => this.gone.abort(), TAKING_MILLISECONDS);
      while (!this.#isTaken && !this.gone.signal.aborted) await this.#room.promise;
      clearTimeout(patience);
      // The platform takes each piece at once, and sends them one by one: what is written in one go must come together.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    this.#isHandingOver = false;
  }
}
