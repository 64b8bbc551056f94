import { SMALL_BYTES } from "./memory.ts";

/** How much is set aside at first, in bytes. */
const FIRST_BYTES = 4 * 1024;

/**
 * Bytes that come piece by piece, in one buffer. What a buffer was before it grew is free at once: pieces that are kept,
 * and joined, are twice as much, and lie as garbage until some 60 MB of it are collected.
 */
export class GrowingBytes {
  #bytes = new Uint8Array(FIRST_BYTES);
  #length = 0;

  /** How many have come. */
  get length(): number {
    return this.#length;
  }

  /** What has come, as it is until the next change. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Takes a piece. Where it is known that `most` bytes will come at most, no more than those are set aside. */
  append(piece: Uint8Array, most: number): void {
    const length = this.#length + piece.length;
    if (length > this.#bytes.length) this.#resize(Math.max(length, Math.min(most, 2 * this.#bytes.length)));
    this.#bytes.set(piece, this.#length);
    this.#length = length;
  }

  /** Keeps the first `length` bytes, and no others. */
  cut(length: number): void {
    this.#length = Math.min(length, this.#length);
    if (this.#bytes.length > SMALL_BYTES) this.#resize(Math.max(FIRST_BYTES, this.#length));
  }

  #resize(bytes: number): void {
    this.#bytes = new Uint8Array(this.#bytes.buffer.transfer(bytes));
  }
}
