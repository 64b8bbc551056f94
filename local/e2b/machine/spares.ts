/** What takes long to start, started before somebody needs it. */

/** Who has taken one gets the machine to himself first. */
const REFILL_AFTER_MS = 500;

export class Spares<T> {
  #count: number;
  readonly #start: () => Promise<T>;
  readonly #isUsable: (spare: T) => boolean;
  readonly #waiting: Promise<T>[] = [];
  #refill: ReturnType<typeof setTimeout> | undefined;

  /** @param count how many wait; 0 for none */
  constructor(count: number, start: () => Promise<T>, isUsable: (spare: T) => boolean) {
    this.#count = count;
    this.#start = start;
    this.#isUsable = isUsable;
    this.#fill();
  }

  /** One that waits, or is being started; `undefined` where there is none. */
  async take(): Promise<T | undefined> {
    const waiting = this.#waiting.shift();
    this.#refill ??= this.#count === 0 ? undefined : setTimeout(() => this.#fill(), REFILL_AFTER_MS);
    const spare = await waiting?.catch(() => undefined);
    return spare !== undefined && this.#isUsable(spare) ? spare : undefined;
  }

  /** Starts no more, and gives those that wait. */
  async stop(): Promise<T[]> {
    this.#count = 0;
    clearTimeout(this.#refill);
    const settled = await Promise.allSettled(this.#waiting.splice(0));
    return settled.flatMap((each) => each.status === "fulfilled" ? [each.value] : []);
  }

  #fill(): void {
    this.#refill = undefined;
    while (this.#waiting.length < this.#count) {
      const spare = this.#start();
      // Who needs it starts one then, and hears why that cannot be.
      spare.catch(() => {});
      this.#waiting.push(spare);
    }
  }
}
