/**
 * The way by which programs come into a machine: shut while that is paused, so that a request which was on its way then
 * starts nothing behind it.
 */
export class Entrance {
  #shut: PromiseWithResolvers<void> | undefined;
  readonly #starting = new Set<Promise<unknown>>();

  /** @param end of the machine: nobody waits any longer */
  constructor(end: AbortSignal) {
    end.addEventListener("abort", () => this.open());
  }

  /** Starts something once it is open. */
  async start<T>(begin: () => Promise<T>): Promise<T> {
    while (this.#shut !== undefined) await this.#shut.promise;
    const started = begin();
    const over = started.catch(() => {}).finally(() => this.#starting.delete(over));
    this.#starting.add(over);
    return await started;
  }

  /** Resolves when nothing is only half started: what starts has a limit of time, which would go on in a pause. */
  async shut(): Promise<void> {
    this.#shut ??= Promise.withResolvers();
    while (this.#starting.size > 0) await Promise.all(this.#starting);
  }

  open(): void {
    this.#shut?.resolve();
    this.#shut = undefined;
  }
}
