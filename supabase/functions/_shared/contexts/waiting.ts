/**
 * Waiting for a path that somebody else has in hand. Of those who wait in one process, one asks the database, often; the
 * others sleep until it knows, or until who has it in hand, if that is in this process too, says so.
 */
import type { PathKey } from "./path_key.ts";

/** The longest that the one who asks waits between two questions, in milliseconds, and the others, should nobody wake them. */
const ASKER_MILLISECONDS = 200;
const SLEEPER_MILLISECONDS = 1_600;
/** How long the one who asks waits first, and the shortest wait that is worth a question, in milliseconds. */
const FIRST_MILLISECONDS = 50;
const SHORTEST_MILLISECONDS = 10;

/** Those who wait, by path, in the order in which they came. */
const queues = new Map<string, Seat[]>();

/** A place among those who may have to wait for one path. Must be left. */
export class Seat {
  readonly #path: string;
  #woken = Promise.withResolvers<void>();
  #questions = 0;

  constructor({ tenantId, conversationId, pathId }: PathKey) {
    this.#path = JSON.stringify([tenantId, conversationId, pathId]);
  }

  /**
   * Waits before the next question. False, at once, when there is no time left for that before `giveUpAt`, on
   * `performance.now()`'s clock. When `ending` aborts it waits no more.
   */
  async wait(giveUpAt: number, ending: AbortSignal): Promise<boolean> {
    const queue = queues.get(this.#path) ?? [];
    if (!queue.includes(this)) queues.set(this.#path, [...queue, this]);
    const isAsker = queues.get(this.#path)?.[0] === this;
    const most = isAsker
      ? Math.min(FIRST_MILLISECONDS * 2 ** this.#questions++, ASKER_MILLISECONDS)
      : SLEEPER_MILLISECONDS;
    // Jittered, so that those of many processes do not ask in step.
    const wait = Math.min(most * (0.5 + Math.random() / 2), (giveUpAt - performance.now()) / 2);
    if (wait < SHORTEST_MILLISECONDS) return false;
    const timer = setTimeout(this.#wake, wait);
    ending.addEventListener("abort", this.#wake);
    await this.#woken.promise;
    clearTimeout(timer);
    ending.removeEventListener("abort", this.#wake);
    this.#woken = Promise.withResolvers();
    return true;
  }

  readonly #wake = (): void => this.#woken.resolve();

  /** Says that this one knows what became of the path, or waits no more: the others look, and the next one asks. */
  leave(): void {
    const others = queues.get(this.#path)?.filter((seat) => seat !== this) ?? [];
    if (others.length === 0) queues.delete(this.#path);
    else queues.set(this.#path, others);
    for (const other of others) other.#wake();
  }
}
