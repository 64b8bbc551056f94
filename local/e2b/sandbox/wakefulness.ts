import type { Machine } from "../machine/machine.ts";

/** A time in which a sandbox ran; without an end while it does. */
export interface AwakeSpan {
  readonly begin: Date;
  readonly end: Date | null;
}

type Phase = "awake" | "fallingAsleep" | "asleep" | "wakingUp" | "snapshotting" | "over";

/** What comes of standing still; without a value, what the sandbox was at instead, by E2B's words. */
export type Stillness<T> =
  | { readonly outcome: "done"; readonly value: T }
  | { readonly outcome: "pausing" | "paused" | "resuming" | "snapshotting" | "ended" };

const WORDS = {
  fallingAsleep: "pausing",
  asleep: "paused",
  wakingUp: "resuming",
  snapshotting: "snapshotting",
  over: "ended",
} as const;

/**
 * Whether a sandbox runs, is paused, or stands still for a moment. One change comes after the other, and one that fails
 * leaves it as it was; the end waits for none.
 */
export class Wakefulness {
  readonly #machine: Machine;
  #phase: Phase = "awake";
  #change: Promise<void> = Promise.resolve();
  #connections = new AbortController();
  readonly #over = Promise.withResolvers<void>();
  #spans: AwakeSpan[] = [{ begin: new Date(), end: null }];

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** One that is about to be paused does not run any more, and one that is about to be resumed does not run yet. */
  get isAwake(): boolean {
    return this.#phase === "awake" || this.#phase === "snapshotting";
  }

  /** Whether it stands still for a snapshot of it. */
  get isStill(): boolean {
    return this.#phase === "snapshotting";
  }

  /** Resolves when it does not stand still, or not any more. */
  async stirring(): Promise<void> {
    while (this.isStill) await this.#change;
  }

  /**
   * Aborted when the sandbox is paused, copied or ends: connections to it break then. When it goes on it is another one.
   */
  get connections(): AbortSignal {
    return this.#connections.signal;
  }

  /** The oldest first. */
  get spans(): readonly AwakeSpan[] {
    return this.#spans;
  }

  /**
   * Stops the machine and then breaks all connections; `then` is told when that was, before anybody can wake it again.
   * `false` if it is paused, or about to be, or over.
   * @throws what the machine does; it runs then as before
   */
  async fallAsleep(then: (at: Date) => void): Promise<boolean> {
    while (this.#phase === "wakingUp" || this.#phase === "snapshotting") await this.#change;
    if (this.#phase !== "awake") return false;
    return await this.#changeTo("asleep", "fallingAsleep", () => this.#machine.pause(), () => {
      const now = new Date();
      this.#stopCounting(now);
      then(now);
      this.#connections.abort();
    });
  }

  /**
   * Does something for which requests wait that come meanwhile, and pauses too; never twice at a time. Those that are open
   * break when `act` says so. Does not wait for it any longer when the sandbox ends.
   * @throws what `act` does
   */
  async standStill<T>(act: (breakConnections: () => void) => Promise<T>): Promise<Stillness<T>> {
    if (this.#phase !== "awake") return { outcome: WORDS[this.#phase] };
    const done: { readonly value: T }[] = [];
    const isOn = await this.#changeTo("awake", "snapshotting", async () => {
      try {
        const acted = act(() => this.#connections.abort()).then((value) => void done.push({ value }));
        await Promise.race([acted, this.#over.promise]);
      } finally {
        if (this.isStill && this.#connections.signal.aborted) this.#connections = new AbortController();
      }
    }, () => {});
    const [result] = done;
    return isOn && result !== undefined ? { outcome: "done", ...result } : { outcome: "ended" };
  }

  /**
   * Lets the machine go on; `then` is called before anybody can stop it again. `false` if it runs, or was about to, or is
   * over.
   * @throws what the machine does; it is paused then as before
   */
  async wakeUp(then: () => void): Promise<boolean> {
    while (["fallingAsleep", "wakingUp", "snapshotting"].includes(this.#phase)) await this.#change;
    if (this.#phase !== "asleep") return false;
    return await this.#changeTo("awake", "wakingUp", () => this.#machine.resume(), () => {
      this.#spans.push({ begin: new Date(), end: null });
      this.#connections = new AbortController();
      then();
    });
  }

  /** Breaks all connections for good. */
  end(at: Date): void {
    if (this.#spans.at(-1)?.end === null) this.#stopCounting(at);
    this.#phase = "over";
    this.#over.resolve();
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

  #stopCounting(at: Date): void {
    this.#spans = this.#spans.map(({ begin, end }) => ({ begin, end: end ?? at }));
  }
}
