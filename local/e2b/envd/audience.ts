import { ConnectError } from "./connect_error.ts";

/** What waits for who listens, in bytes, before the program has to. */
const FULL_BYTES = 64 * 1024;
/** What waits for one who listens, in bytes, while others go on. */
const LIMIT_BYTES = 4 * 1024 ** 2;

/**
 * Those who listen to a program: each is told everything from when they joined on. The fastest of them paces it, so one
 * alone does; who falls too far behind the others is cut off. With nobody there, all is forgotten at once.
 */
export class Audience<T> {
  readonly #listeners = new Set<Listener<T>>();
  #room = Promise.withResolvers<void>();
  #isClosed = false;
  #waits = true;

  /** Tells a new listener everything from now on, until it is closed or the listener has left. */
  join(): Listener<T> {
    const listener = new Listener<T>((left) => {
      if (left) this.#listeners.delete(listener);
      this.#room.resolve();
      this.#room = Promise.withResolvers();
    });
    if (this.#isClosed) listener.close();
    else this.#listeners.add(listener);
    return listener;
  }

  /** Resolves when there is room for another message. `bytes` is what this one takes in memory. */
  async tell(message: T, bytes: number): Promise<void> {
    for (const listener of this.#listeners) listener.take(message, bytes);
    while (this.#waits && this.#listeners.size > 0) {
      if (this.#somebodyHasRoom()) break;
      await this.#room.promise;
    }
    if (this.#somebodyHasRoom()) this.#cutOffTheSlow();
  }

  /** Nobody is waited for any more. */
  hurry(): void {
    this.#waits = false;
    this.#room.resolve();
  }

  /** Ends it for each who listens, after all that they were told. */
  close(): void {
    this.#isClosed = true;
    for (const listener of this.#listeners) listener.close();
  }

  #somebodyHasRoom(): boolean {
    return [...this.#listeners].some((listener) => listener.bytes < FULL_BYTES);
  }

  #cutOffTheSlow(): void {
    for (const listener of this.#listeners) {
      if (listener.bytes <= LIMIT_BYTES) continue;
      const limit = `${LIMIT_BYTES / 1024 ** 2} MiB`;
      listener.fail(new ConnectError("resource_exhausted", `more than ${limit} of output were waiting to be read`));
    }
  }
}

/** One who listens, and what they were not yet told. */
export class Listener<T> {
  readonly #onRoom: (left: boolean) => void;
  #queue: { readonly message: T; readonly bytes: number }[] = [];
  #bytes = 0;
  #news = Promise.withResolvers<void>();
  #isClosed = false;
  #failure: ConnectError | undefined;

  /** `onRoom` is told when there is more room, and when nothing is to come any more: `left`. */
  constructor(onRoom: (left: boolean) => void) {
    this.#onRoom = onRoom;
  }

  /** How much waits to be told. */
  get bytes(): number {
    return this.#bytes;
  }

  take(message: T, bytes: number): void {
    this.#queue.push({ message, bytes });
    this.#bytes += bytes;
    this.#news.resolve();
  }

  /** There is nothing after what waits. */
  close(): void {
    this.#isClosed = true;
    this.#news.resolve();
  }

  /** Nothing more is told, not even what waits. */
  leave(): void {
    this.#queue = [];
    this.#bytes = 0;
    this.close();
    this.#onRoom(true);
  }

  /** Leaves with an error for who waits for the next message. */
  fail(error: ConnectError): void {
    this.#failure = error;
    this.leave();
  }

  /**
   * The next message, or `null` at the end.
   * @throws {ConnectError} when it was cut off
   */
  async next(): Promise<T | null> {
    while (true) {
      if (this.#failure !== undefined) throw this.#failure;
      const told = this.#queue.shift();
      if (told !== undefined) {
        this.#bytes -= told.bytes;
        this.#onRoom(false);
        return told.message;
      }
      if (this.#isClosed) {
        this.#onRoom(true);
        return null;
      }
      this.#news = Promise.withResolvers();
      await this.#news.promise;
    }
  }
}
