import { SMALL_BYTES } from "./memory.ts";

/** How much is set aside at first, in bytes. */
const FIRST_BYTES = 4 * 1024;

/**
 * Bytes that come piece by piece, in one buffer. What a buffer was before it grew is free at once: pieces that are kept,
 * and joined, are twice as much, and lie as garbage until some 60 MB of it are collected.
 */
export class GrowingBytes {
  #buffer = new ArrayBuffer(FIRST_BYTES);
  #length = 0;

  /** How many have come. */
  get length(): number {
    return this.#length;
  }

  /** What has come, as it is until the next change. */
  get bytes(): Uint8Array {
    return new Uint8Array(this.#buffer, 0, this.#length);
  }

  /** Takes a piece. Where it is known that `most` bytes will come at most, no more than those are set aside. */
  append(piece: Uint8Array, most: number): void {
    const length = this.#length + piece.length;
    const size = this.#buffer.byteLength;
    if (length > size) this.#buffer = this.#buffer.transfer(Math.max(length, Math.min(most, 2 * size)));
    new Uint8Array(this.#buffer).set(piece, this.#length);
    this.#length = length;
  }

  /** Keeps the first `length` bytes, and no others. */
  cut(length: number): void {
    this.#length = Math.min(length, this.#length);
    const size = Math.max(FIRST_BYTES, this.#length);
    if (this.#buffer.byteLength > Math.max(SMALL_BYTES, size)) this.#buffer = this.#buffer.transfer(size);
  }
}
