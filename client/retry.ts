import { ExecutionContextsError } from "./error.ts";

/** The first wait where the functions name none, and the longest, in milliseconds. */
const FIRST_MS = 400;
const LONGEST_MS = 8_000;

export interface Patience {
  /** How long an error that may pass is tried against, in seconds, from the last progress on. */
  readonly retrySeconds: number;
  /** Nothing more is tried, nor waited for, once one of these is aborted. */
  readonly signals?: readonly (AbortSignal | undefined)[];
}

/**
 * Tries again what may succeed then, after as long as the functions say.
 * @param attempt calls `progress` when it has come further than ever
 * @throws what `attempt` threw last
 * @throws the reason of a signal that is aborted
 */
export async function retrying<T>(
  attempt: (progress: () => void) => Promise<T>,
  { retrySeconds, signals = [] }: Patience,
): Promise<T> {
  let failing: { readonly since: number; readonly pause: number } | undefined;
  const progress = () => failing = undefined;
  for (;;) {
    for (const signal of signals) signal?.throwIfAborted();
    try {
      return await attempt(progress);
    } catch (error) {
      if (!(error instanceof ExecutionContextsError) || !error.retryable) throw error;
      // The code runs, and ends at its time limit at the latest: that is nothing to lose patience with.
      if (error.code === "execution_running") progress();
      const { since, pause } = failing ?? { since: Date.now(), pause: FIRST_MS };
      const wait = error.retryAfter === undefined ? pause * (0.5 + Math.random() / 2) : error.retryAfter * 1000;
      if (Date.now() + wait > since + retrySeconds * 1000) throw error;
      failing = { since, pause: Math.min(pause * 2, LONGEST_MS) };
      await sleep(wait, signals);
    }
  }
}

/** Less long, if a signal is aborted. */
export async function sleep(milliseconds: number, signals: readonly (AbortSignal | undefined)[] = []): Promise<void> {
  if (signals.some((signal) => signal?.aborted)) return;
  let wake = () => {};
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
    for (const signal of signals) signal?.addEventListener("abort", wake);
  });
  for (const signal of signals) signal?.removeEventListener("abort", wake);
}
