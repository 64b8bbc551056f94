/** What one run, or its repeat, holds of the process's memory, besides what is small and what its request brought. */
import { type Share, take } from "../memory.ts";
import { OUTPUT_BYTES, OUTPUTS_BYTES } from "../sandbox/files.ts";
import { LINE_BYTES } from "../sandbox/kernel.ts";

/** A kept answer comes from the database whole, and takes more than a run's own, which comes piece by piece. */
const KEPT_WEIGHT = 1.25;

export class RunMemory {
  readonly #shares: Share[] = [];
  #line: Share | null = null;
  #kept = 0;
  #isPatient = true;

  /**
   * Whether there is room for one more line that is not small, or for its result. Waits for it until `signal` aborts, but
   * not again and again.
   */
  async hasRoomForLine(signal: AbortSignal): Promise<boolean> {
    this.#line ??= await this.#take(LINE_BYTES, signal, this.#isPatient ? undefined : 0);
    this.#isPatient = this.#line !== null;
    return this.#isPatient;
  }

  /** Gives back what the last line took, but for what its result added to all: so many characters now. */
  keepResults(characters: number): void {
    this.#line?.keep(characters - this.#kept);
    this.#line = null;
    this.#kept = characters;
  }

  /** Whether there is room for so many outputs, as large as they may be: until `signal` aborts or `answerBy` comes. */
  async hasRoomForOutputs(count: number, signal: AbortSignal, answerBy: number): Promise<boolean> {
    const inBase64 = Math.ceil(Math.min(count * OUTPUT_BYTES, OUTPUTS_BYTES) * 4 / 3);
    return await this.#take(inBase64, signal, answerBy) !== null;
  }

  /** Whether there is room for a kept answer: until `signal` aborts or `answerBy` comes. */
  async hasRoomForAnswer(bytes: number, signal: AbortSignal, answerBy: number): Promise<boolean> {
    return await this.#take(bytes * KEPT_WEIGHT, signal, answerBy) !== null;
  }

  /** Gives all of it back. */
  release(): void {
    for (const share of this.#shares) share.keep(0);
  }

  async #take(bytes: number, signal: AbortSignal, until?: number): Promise<Share | null> {
    const share = await take(bytes, signal, until);
    if (share) this.#shares.push(share);
    return share;
  }
}
