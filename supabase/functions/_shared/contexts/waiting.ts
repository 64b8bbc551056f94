/**
 * Waiting for a path that somebody else has in hand. Of those who wait in one process, one asks the database, often, unless
 * who has it in hand is in this process too; the others sleep until that one knows.
 */
import { sleep } from "../pause.ts";
import type { PathKey } from "./path_key.ts";
import type { Reached } from "./reach.ts";

/** The longest that the one who asks waits between two questions, in milliseconds, and the others, should nobody wake them. */
const ASKER_MILLISECONDS = 100;
const SLEEPER_MILLISECONDS = 1_600;
/** How long the one who asks waits first, and the shortest wait that is worth a question, in milliseconds. */
const FIRST_MILLISECONDS = 50;
const SHORTEST_MILLISECONDS = 10;

/** Those who have it in hand, or wait, by path. The first one creates, or asks. */
const queues = new Map<string, Seat[]>();

/** A place among those who want one path. Must be left. */
export class Seat {
  readonly #path: string;
  readonly #userId: string | null;
  readonly #arrived = performance.now();
  #claimId: string | undefined;
  #reached: Reached | undefined;
  #woken = Promise.withResolvers<void>();
  #questions = 0;

  constructor({ tenantId, conversationId, pathId, userId }: PathKey) {
    this.#path = JSON.stringify([tenantId, conversationId, pathId]);
    this.#userId = userId;
  }

  /** The claim of who has the path in hand, if that is another one in this process: it need not be asked for. */
  get claimInHand(): string | undefined {
    const [first] = this.#others;
    return first && first.#claimId;
  }

  /** What another one has reached since this one came, by the same user's right. */
  get reached(): Reached | undefined {
    return this.#reached;
  }

  /** Says that this one has the path in hand, and with it that whatever another one had reached there has ended. */
  take(claimId: string): void {
    this.#claimId = claimId;
    this.#reached = undefined;
    queues.set(this.#path, [this, ...this.#others]);
  }

  /**
   * Waits before the next question. False, at once, when there is no time left for that before `giveUpAt`, on
   * `performance.now()`'s clock. When `ending` aborts it waits no more.
   */
  async wait(giveUpAt: number, ending: AbortSignal): Promise<boolean> {
    if (!this.#queue.includes(this)) queues.set(this.#path, [...this.#queue, this]);
    const most = this.#queue[0] === this
      ? Math.min(FIRST_MILLISECONDS * 2 ** this.#questions++, ASKER_MILLISECONDS)
      : SLEEPER_MILLISECONDS;
    // Jittered, so that those of many processes do not ask in step.
    const wait = Math.min(most * (0.5 + Math.random() / 2), (giveUpAt - performance.now()) / 2);
    if (wait < SHORTEST_MILLISECONDS) return false;
    await sleep(wait, ending, this.#woken);
    this.#woken = Promise.withResolvers();
    return true;
  }

  /** Says that this one waits no more, and what it has reached, if it has: the others look, and the next one asks. */
  leave(reached?: Reached): void {
    const others = this.#others;
    if (others.length === 0) queues.delete(this.#path);
    else queues.set(this.#path, others);
    for (const other of others) {
      // What was known before somebody came may have ended before, by a call of theirs.
      const isNews = reached !== undefined && reached.knownSince >= other.#arrived;
      if (isNews && other.#userId === this.#userId) other.#reached = reached;
      other.#woken.resolve();
    }
  }

  get #queue(): readonly Seat[] {
    return queues.get(this.#path) ?? [];
  }

  get #others(): Seat[] {
    return this.#queue.filter((seat) => seat !== this);
  }
}
