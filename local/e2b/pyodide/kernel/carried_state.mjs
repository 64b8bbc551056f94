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
  #bytes;
  #fileAt;
  #memoryAt;

  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.#bytes = bytes;
    const [length] = new Uint32Array(bytes.slice(0, WORD).buffer);
    this.#fileAt = WORD + length;
    this.head = JSON.parse(new TextDecoder().decode(bytes.subarray(WORD, this.#fileAt)));
    this.#memoryAt = this.head.entries.reduce((at, { size = 0 }) => at + size, this.#fileAt);
  }

  nextFile(size) {
    return this.#bytes.slice(this.#fileAt, this.#fileAt += size);
  }

  /** @type {import("./sparse.mjs").Read} */
  readMemory = (bytes, at) => {
    const from = this.#memoryAt + at;
    if (from + bytes.length > this.#bytes.length) throw new Error("the carried state ends early");
    bytes.set(this.#bytes.subarray(from, from + bytes.length));
  };
}
