import { SMALL_BYTES } from "../memory.ts";

/** A line that was too long to keep, or that was not read to its end: what it began with, and how much came of it, in bytes. */
export interface LongLine {
  readonly head: string;
  readonly length: number;
}

/** How much is read of a stream, and held of it. */
export interface Reading {
  /** Most bytes of a line that are held: no more than what is small, unless `hasRoom` says so. */
  readonly longest: number;
  readonly hasRoom?: () => Promise<boolean>;
  /** Most bytes that are read. Each line counts as so many more, for what it costs to look at. */
  readonly most: number;
  /** Called when so much has been read: until it has settled, the stream is open, and nobody reads it. */
  readonly onFull?: () => Promise<void>;
}

/** What a line counts for besides its bytes: half a million short ones would cost as much as 100 MB of long ones. */
const LINE_BYTES = 400;
/** How much of a line that is too long is kept, in bytes. */
const HEAD_BYTES = 200;
/** How much is read at once, in bytes. */
const BUFFER_BYTES = 64 * 1024;
const LINE_END = 10;

/**
 * The lines of a stream of UTF-8, without their ends, until `signal` aborts or `most` has come. Of what is not kept no
 * text is made.
 */
export async function* readLines(
  stream: ReadableStream<Uint8Array>,
  signal: AbortSignal,
  { longest, hasRoom = () => Promise.resolve(true), most, onFull }: Reading,
): AsyncGenerator<string | LongLine> {
  const line = new Line(longest);
  // Into one buffer: those that a stream makes for each piece are garbage that is collected only at some 60 MB.
  const reader = stream.getReader({ mode: "byob" });
  // Besides the fetch's own signal: once in a thousand times, Deno's goes on reading after that was aborted.
  const cancel = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", cancel);
  let buffer = new ArrayBuffer(BUFFER_BYTES);
  let left = most;
  try {
    while (!signal.aborted && left > 0) {
      const { done, value } = await reader.read(new Uint8Array(buffer, 0, Math.min(BUFFER_BYTES, left)));
      if (done || !value) break;
      left -= value.length;
      if (line.needsRoom(value.length) && await hasRoom()) line.giveRoom();
      let start = 0;
      for (let end = value.indexOf(LINE_END); end !== -1; end = value.indexOf(LINE_END, start)) {
        line.append(value.subarray(start, end));
        start = end + 1;
        left -= LINE_BYTES;
        if (line.length > 0) yield line.finish();
      }
      line.append(value.subarray(start));
      buffer = value.buffer;
    }
    if (left > 0) {
      if (line.length > 0) yield line.finish();
    } else if (!signal.aborted) {
      // Of one that has hardly begun nobody could say what it is.
      if (line.length > HEAD_BYTES) yield line.cutOff();
      await onFull?.();
    }
  } finally {
    signal.removeEventListener("abort", cancel);
    cancel();
  }
}

/** A line on its way in. */
class Line {
  readonly #decoder = new TextDecoder();
  readonly #small: number;
  #bytes = new Uint8Array(HEAD_BYTES);
  #length = 0;
  #most: number;

  constructor(private readonly longest: number) {
    this.#small = Math.min(longest, SMALL_BYTES);
    this.#most = this.#small;
  }

  /** How much came of it, in bytes. */
  get length(): number {
    return this.#length;
  }

  /** Whether so many bytes more would be more than it may hold. Not in the middle of one that has been too long. */
  needsRoom(bytes: number): boolean {
    return this.#most < this.longest && this.#length <= this.#most && this.#length + bytes > this.#most;
  }

  giveRoom(): void {
    this.#most = this.longest;
  }

  append(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    const held = length <= this.#most ? length : HEAD_BYTES;
    if (this.#length < held) {
      if (held > this.#bytes.length) this.#resize(Math.min(this.#most, Math.max(held, 2 * this.#bytes.length)));
      this.#bytes.set(piece.subarray(0, held - this.#length), this.#length);
    }
    this.#length = length;
  }

  /** The line, when it is whole; the next one begins. */
  finish(): string | LongLine {
    if (this.#length > this.#most) return this.cutOff();
    const text = this.#decoder.decode(this.#bytes.subarray(0, this.#length));
    this.#reset();
    return text;
  }

  /** What is known of the line; the next one begins. */
  cutOff(): LongLine {
    const length = this.#length;
    const head = this.#decoder.decode(this.#bytes.subarray(0, Math.min(length, HEAD_BYTES)));
    this.#reset();
    return { head, length };
  }

  #reset(): void {
    this.#length = 0;
    this.#most = this.#small;
    if (this.#bytes.length > SMALL_BYTES) this.#resize(HEAD_BYTES);
  }

  /** What it was is free at once, and no garbage of megabytes that lies until it is collected. */
  #resize(bytes: number): void {
    this.#bytes = new Uint8Array(this.#bytes.buffer.transfer(bytes));
  }
}
