/** How long output may be silent after the program's end, while the program's children keep it open. */
const SILENCE_MS = 500;

/** One of the two streams that a program writes to. Nothing is read ahead. */
export class ProgramOutput {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  #programEnded = false;
  #isReading = false;
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = stream.getReader();
  }

  /** What comes next, or `null` when there is nothing more. */
  async next(): Promise<Uint8Array<ArrayBuffer> | null> {
    this.#isReading = true;
    this.#awaitSilence();
    try {
      const { done, value } = await this.#reader.read();
      return done ? null : value;
    } catch {
      // The machine took the program away: its status says how.
      return null;
    } finally {
      this.#isReading = false;
      clearTimeout(this.#silence);
    }
  }

  /** From now on nothing is waited for but what is there already. */
  programEnded(): void {
    this.#programEnded = true;
    this.#awaitSilence();
  }

  /** What was not read is lost. */
  giveUp(): void {
    // Fails only if the stream failed before, and then there is nothing to give up.
    this.#reader.cancel().catch(() => {});
  }

  #awaitSilence(): void {
    if (this.#programEnded && this.#isReading) this.#silence = setTimeout(() => this.giveUp(), SILENCE_MS);
  }
}
