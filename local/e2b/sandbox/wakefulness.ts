import type { Machine } from "../machine/machine.ts";

/** A time in which a sandbox ran; without an end while it does. */
export interface AwakeSpan {
  readonly begin: Date;
  readonly end: Date | null;
}

type Phase = "awake" | "fallingAsleep" | "asleep" | "wakingUp" | "over";

/**
 * Whether a sandbox runs or is paused. One change comes after the other, and one that fails leaves it as it was; the end
 * waits for none.
 */
export class Wakefulness {
  readonly #machine: Machine;
  #phase: Phase = "awake";
  #change: Promise<void> = Promise.resolve();
  #connections = new AbortController();
  #spans: AwakeSpan[] = [{ begin: new Date(), end: null }];

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** One that is about to be paused does not run any more, and one that is about to be resumed does not run yet. */
  get isAwake(): boolean {
    return this.#phase === "awake";
  }

  /** Aborted when the sandbox is paused or ends: connections to it break then. After it was resumed it is another one. */
  get connections(): AbortSignal {
    return this.#connections.signal;
  }

  /** The oldest first. */
  get spans(): readonly AwakeSpan[] {
    return this.#spans;
  }

  /**
   * Stops the machine and then breaks all connections; `then` is called before anybody can wake it again. `false` if it is
   * paused, or about to be, or over.
   * @throws what the machine does; it runs then as before
   */
  async fallAsleep(then: () => void): Promise<boolean> {
    while (this.#phase === "wakingUp") await this.#change;
    if (this.#phase !== "awake") return false;
    return await this.#changeTo("asleep", "fallingAsleep", () => this.#machine.pause(), () => {
      this.#stopCounting();
      then();
      this.#connections.abort();
    });
  }

  /**
   * Lets the machine go on; `then` is called before anybody can stop it again. `false` if it runs, or was about to, or is
   * over.
   * @throws what the machine does; it is paused then as before
   */
  async wakeUp(then: () => void): Promise<boolean> {
    while (this.#phase === "fallingAsleep" || this.#phase === "wakingUp") await this.#change;
    if (this.#phase !== "asleep") return false;
    return await this.#changeTo("awake", "wakingUp", () => this.#machine.resume(), () => {
      this.#spans.push({ begin: new Date(), end: null });
      this.#connections = new AbortController();
      then();
    });
  }

  /** Breaks all connections for good. */
  end(): void {
    if (this.#spans.at(-1)?.end === null) this.#stopCounting();
    this.#phase = "over";
    this.#connections.abort();
  }

  /** Whether it has come about; what ended meanwhile stays so. */
  async #changeTo(phase: Phase, during: Phase, act: () => Promise<void>, then: () => void): Promise<boolean> {
    const before = this.#phase;
    const over = Promise.withResolvers<void>();
    this.#phase = during;
    this.#change = over.promise;
    try {
      await act();
      if (this.#phase !== during) return false;
      this.#phase = phase;
      then();
      return true;
    } catch (error) {
      if (this.#phase !== during) return false;
      this.#phase = before;
      throw error;
    } finally {
      over.resolve();
    }
  }

  #stopCounting(): void {
    this.#spans = this.#spans.map(({ begin, end }) => ({ begin, end: end ?? new Date() }));
  }
}
