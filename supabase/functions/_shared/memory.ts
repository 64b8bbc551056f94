/**
 * What the requests of one process hold together, of what callers bring and are brought: the platform grants a process
 * 256 MB, and ends it, with everybody's runs, when it takes more. An idle one takes some 100 of them, and each byte that
 * is counted here stands for some six in the process: it is read, parsed, and written again.
 */
import { ContextError } from "./errors.ts";

/** Up to this nobody counts, in bytes: there is always room for what is small. */
export const SMALL_BYTES = 256 * 1024;
/** The longest that somebody waits for room, in milliseconds: a run's time goes on meanwhile. */
const PATIENCE_MILLISECONDS = 5_000;

/** A part of the memory, until it is given back. */
export interface Share {
  /** Gives back all but so many bytes. */
  keep(bytes: number): void;
}

/** The most that is held, in bytes. More than the largest run holds at any time, so that one by itself is never refused. */
const MOST_BYTES = 22 * 1024 * 1024;
/** The most that those hold who have not begun: what has begun must come to its end. */
const BEFOREHAND_BYTES = 12 * 1024 * 1024;

let held = 0;
/** In the order in which they came. */
const waiting: { readonly bytes: number; readonly serve: () => void }[] = [];

/** Those whose bodies are on their way in, and not small, in the order in which they came. */
const arrivals: Arrival[] = [];

/**
 * What one request brings, until it is over. Of several that come in at the same time and have no room together, those
 * that came last are refused: each could meet the bound half-way, and all be told to try again. Whoever is in whole has
 * room left to come to its end.
 */
export class Arrival {
  readonly #refusal = new AbortController();
  #shares: Share[] = [];
  #bytes = 0;

  /** Aborts when the rest must not come: somebody who came before needs the room. */
  get refused(): AbortSignal {
    return this.#refusal.signal;
  }

  /** Takes room for so many bytes more. False: there is none now. */
  hold(bytes: number): boolean {
    if (bytes <= SMALL_BYTES) return true;
    if (!arrivals.includes(this)) arrivals.push(this);
    const later = arrivals.slice(arrivals.indexOf(this) + 1);
    const couldBeFree = later.reduce((sum, arrival) => sum + arrival.#bytes, 0);
    if (held - couldBeFree + bytes > BEFOREHAND_BYTES) return false;
    for (const last of later.reverse()) {
      if (held + bytes <= BEFOREHAND_BYTES) break;
      last.#refuse();
    }
    this.#shares.push(share(bytes));
    this.#bytes += bytes;
    return true;
  }

  /** Says that the request is in whole: it is refused no more. */
  settle(): void {
    const place = arrivals.indexOf(this);
    if (place !== -1) arrivals.splice(place, 1);
  }

  /** Gives all of it back. */
  release(): void {
    this.settle();
    for (const share of this.#shares.splice(0)) share.keep(0);
  }

  #refuse(): void {
    this.release();
    this.#refusal.abort();
  }
}

/**
 * Waits for a share, until `until` on `performance.now()`'s clock, or until `signal` aborts. Null: there was no room for
 * it by then.
 */
export async function take(bytes: number, signal: AbortSignal, until = Infinity): Promise<Share | null> {
  if (bytes <= SMALL_BYTES) return share(0);
  if (signal.aborted) return null;
  if (waiting.length === 0 && held + bytes <= MOST_BYTES) return share(bytes);
  const turn = Promise.withResolvers<Share | null>();
  const entry = { bytes, serve: () => turn.resolve(share(bytes)) };
  waiting.push(entry);
  const giveUp = () => {
    const place = waiting.indexOf(entry);
    if (place === -1) return;
    waiting.splice(place, 1);
    turn.resolve(null);
    // Whoever stood behind may have room.
    serveNext();
  };
  const timer = setTimeout(giveUp, Math.max(0, Math.min(PATIENCE_MILLISECONDS, until - performance.now())));
  signal.addEventListener("abort", giveUp);
  const served = await turn.promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", giveUp);
  return served;
}

function share(bytes: number): Share {
  let kept = bytes;
  held += kept;
  const keep = (less: number) => {
    if (less >= kept) return;
    held -= kept - less;
    kept = less;
    serveNext();
  };
  return { keep };
}

function serveNext(): void {
  for (let next = waiting[0]; next && held + next.bytes <= MOST_BYTES; next = waiting[0]) {
    waiting.shift();
    next.serve();
  }
}

/** What a caller is told for whom there was no room. */
export function othersAreLarge(): ContextError {
  return new ContextError("context_busy", "Other large requests are being served. Try again.", {
    retryAfterSeconds: 2,
  });
}
