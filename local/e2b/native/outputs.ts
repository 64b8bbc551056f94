/** What the programs of a sandbox say, each at the pace of who reads it. */

const ROOM_BYTES = 1024 * 1024;

interface Stream {
  readonly controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  held: boolean;
  /** Whether somebody still wants it. */
  open: boolean;
}

export class Outputs {
  readonly #streams = new Map<string, Stream>();
  readonly #hold: (number: number, stream: 1 | 2, held: boolean) => void;

  /** @param hold is told when a stream is full, and when there is room again */
  constructor(hold: (number: number, stream: 1 | 2, held: boolean) => void) {
    this.#hold = hold;
  }

  open(number: number, stream: 1 | 2): ReadableStream<Uint8Array<ArrayBuffer>> {
    const key = `${number} ${stream}`;
    return new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => {
        this.#streams.set(key, { controller, held: false, open: true });
      },
      pull: () => this.#release(number, stream),
      cancel: () => {
        const cancelled = this.#streams.get(key);
        if (cancelled !== undefined) cancelled.open = false;
        this.#release(number, stream);
      },
    }, new ByteLengthQueuingStrategy({ highWaterMark: ROOM_BYTES }));
  }

  give(number: number, stream: 1 | 2, bytes: Uint8Array<ArrayBuffer>): void {
    const to = this.#streams.get(`${number} ${stream}`);
    if (to === undefined || !to.open) return;
    to.controller.enqueue(bytes);
    if ((to.controller.desiredSize ?? 0) > 0 || to.held) return;
    to.held = true;
    this.#hold(number, stream, true);
  }

  /** Nothing more comes of a program. */
  close(number: number): void {
    for (const stream of [1, 2]) this.#close(`${number} ${stream}`);
  }

  closeAll(): void {
    for (const key of this.#streams.keys()) this.#close(key);
  }

  #release(number: number, stream: 1 | 2): void {
    const to = this.#streams.get(`${number} ${stream}`);
    if (!to?.held) return;
    to.held = false;
    this.#hold(number, stream, false);
  }

  #close(key: string): void {
    const stream = this.#streams.get(key);
    this.#streams.delete(key);
    if (stream?.open) stream.controller.close();
  }
}
