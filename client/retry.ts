import { ExecutionContextsError } from "./error.ts";

/** The first wait where the functions name none, and the longest, in milliseconds. */
const FIRST_MS = 400;
const LONGEST_MS = 8_000;

export interface Patience {
  /** How long an error that may pass is tried against, in seconds. */
  readonly retrySeconds: number;
  readonly signal?: AbortSignal;
}

/**
 * Tries again what may succeed then, after as long as the functions say.
 * @throws what `attempt` threw last
 * @throws the signal's reason when that is aborted
 */
export async function retrying<T>(attempt: () => Promise<T>, { retrySeconds, signal }: Patience): Promise<T> {
  let giveUp = Date.now() + retrySeconds * 1000;
  for (let pause = FIRST_MS;; pause = Math.min(pause * 2, LONGEST_MS)) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof ExecutionContextsError) || !error.retryable) throw error;
      const wait = error.retryAfter === undefined ? pause * (0.5 + Math.random() / 2) : error.retryAfter * 1000;
      // The code runs, and ends at its time limit at the latest: that is nothing to lose patience with.
      if (error.code === "execution_running") giveUp = Date.now() + retrySeconds * 1000;
      if (Date.now() + wait > giveUp) throw error;
      await sleep(wait, signal);
    }
  }
}

function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      if (signal?.aborted) reject(signal.reason);
      else resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal?.addEventListener("abort", end);
  });
}
