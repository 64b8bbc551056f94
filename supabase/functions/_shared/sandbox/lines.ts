import { GrowingBytes } from "../growing_bytes.ts";
import { SMALL_BYTES } from "../memory.ts";
import { readPieces } from "./pieces.ts";

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
const LINE_END = 10;

/**
 * The lines of a stream of UTF-8, without their ends, until `signal` aborts or `most` has come. Of what is not kept no
 * text is made.
 */
export async function* readLines(
  stream: NonNullable<Response["body"]>,
  signal: AbortSignal,
  { longest, hasRoom = () => Promise.resolve(true), most, onFull }: Reading,
): AsyncGenerator<string | LongLine> {
  const line = new Line(longest);
  let left = most;
  for await (const read of readPieces(stream, signal)) {
    const piece = read.subarray(0, left);
    left -= piece.length;
    if (line.needsRoom(piece.length) && await hasRoom()) line.giveRoom();
    let start = 0;
    for (let end = piece.indexOf(LINE_END); end !== -1; end = piece.indexOf(LINE_END, start)) {
      line.append(piece.subarray(start, end));
      start = end + 1;
      left -= LINE_BYTES;
      if (line.length > 0) yield line.finish();
    }
    line.append(piece.subarray(start));
    if (signal.aborted) return;
    if (left <= 0) {
      // Of one that has hardly begun nobody could say what it is.
      if (line.length > HEAD_BYTES) yield line.cutOff();
      await onFull?.();
      return;
    }
  }
  if (line.length > 0) yield line.finish();
}

/** A line on its way in. */
class Line {
  readonly #decoder = new TextDecoder();
  readonly #small: number;
  readonly #held = new GrowingBytes();
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
    this.#length += piece.length;
    if (this.#length <= this.#most) return this.#held.append(piece, this.#most);
    if (this.#held.length < HEAD_BYTES) this.#held.append(piece.subarray(0, HEAD_BYTES), HEAD_BYTES);
    this.#held.cut(HEAD_BYTES);
  }

  /** The line, when it is whole; the next one begins. */
  finish(): string | LongLine {
    if (this.#length > this.#most) return this.cutOff();
    const text = this.#decoder.decode(this.#held.bytes);
    this.#reset();
    return text;
  }

  /** What is known of the line; the next one begins. */
  cutOff(): LongLine {
    const length = this.#length;
    this.#held.cut(HEAD_BYTES);
    const head = this.#decoder.decode(this.#held.bytes);
    this.#reset();
    return { head, length };
  }

  #reset(): void {
    this.#length = 0;
    this.#most = this.#small;
    this.#held.cut(0);
  }
}
