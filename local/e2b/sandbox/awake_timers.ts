interface Timer {
  /** In milliseconds. */
  left: number;
  since: number;
  readonly onElapsed: () => void;
  id: ReturnType<typeof setTimeout> | undefined;
}

/** Timers that stand still while their sandbox does. */
export class AwakeTimers {
  readonly #timers = new Set<Timer>();
  #areStopped = false;

  /** Calls back once after so many milliseconds; the answer calls that off. */
  start(milliseconds: number, onElapsed: () => void): () => void {
    const timer: Timer = { left: milliseconds, since: 0, onElapsed, id: undefined };
    this.#timers.add(timer);
    if (!this.#areStopped) this.#run(timer);
    return () => {
      clearTimeout(timer.id);
      this.#timers.delete(timer);
    };
  }

  stop(): void {
    this.#areStopped = true;
    for (const timer of this.#timers) {
      clearTimeout(timer.id);
      timer.left = Math.max(0, timer.left - (performance.now() - timer.since));
    }
  }

  goOn(): void {
    this.#areStopped = false;
    for (const timer of this.#timers) this.#run(timer);
  }

  #run(timer: Timer): void {
    timer.since = performance.now();
    timer.id = setTimeout(() => {
      this.#timers.delete(timer);
      timer.onElapsed();
    }, timer.left);
  }
}
