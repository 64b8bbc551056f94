// The form in which a kernel's state is carried: a word of 32 bits, which is the length of what follows, a head as JSON;
// then the bytes of the files that it names, then Python's memory as `pack` has it. For the server it is bytes.

import { pack } from "./sparse.mjs";

const WORD = 4;

/**
 * @param {object} state
 * @param {{ entries: { size?: number }[] }} state.head
 * @param {Uint8Array[]} state.contents
 * @param {Parameters<typeof pack>} state.memory
 * @returns {Uint8Array[]} parts that follow one another
 */
export function writeState({ head, contents, memory }) {
  const bytes = new TextEncoder().encode(JSON.stringify(head));
  return [new Uint8Array(Uint32Array.of(bytes.length).buffer), bytes, ...contents, ...pack(...memory)];
}

/** A dumped state, as it is read. */
export class CarriedState {
  #pieces;
  #ends = [];
  #fileAt;
  #memoryAt;

  /** @param {Uint8Array[]} pieces */
  constructor(pieces) {
    this.#pieces = pieces;
    let end = 0;
    for (const { length } of pieces) this.#ends.push(end += length);
    const [length] = new Uint32Array(this.#bytes(0, WORD).buffer);
    this.head = JSON.parse(new TextDecoder().decode(this.#bytes(WORD, length)));
    this.#fileAt = WORD + length;
    this.#memoryAt = this.head.entries.reduce((at, { size = 0 }) => at + size, this.#fileAt);
  }

  nextFile(size) {
    this.#fileAt += size;
    return this.#bytes(this.#fileAt - size, size);
  }

  /** @type {import("./sparse.mjs").Read} */
  readMemory = (bytes, at) => this.#read(bytes, this.#memoryAt + at);

  #bytes(at, length) {
    const bytes = new Uint8Array(length);
    this.#read(bytes, at);
    return bytes;
  }

  #read(bytes, at) {
    let index = this.#ends.findIndex((end) => end > at);
    for (let done = 0; done < bytes.length; index++) {
      const piece = this.#pieces[index];
      if (piece === undefined) throw new Error("the carried state ends early");
      const from = at + done - (this.#ends[index] - piece.length);
      const part = piece.subarray(from, from + bytes.length - done);
      bytes.set(part, done);
      done += part.length;
    }
  }
}
