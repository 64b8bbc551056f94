/**
 * Waits before asking again: growing from 50 ms to 1.6 s, and jittered, so that a hundred waiters do not ask in step.
 * False, at once, when that would be after `giveUpAt`, on `performance.now()`'s clock, or when the worker is `ending`.
 */
export async function pause(polls: number, giveUpAt: number, ending: AbortSignal): Promise<boolean> {
  const longest = 50 * 2 ** Math.min(polls, 5);
  const wait = longest * (0.5 + Math.random() / 2);
  if (ending.aborted || performance.now() + wait >= giveUpAt) return false;
  await sleep(wait, ending);
  return !ending.aborted;
}

/** Waits for so many milliseconds, or until the worker is `ending`, or somebody resolves `woken`. */
export async function sleep(
  milliseconds: number,
  ending: AbortSignal,
  woken: PromiseWithResolvers<void> = Promise.withResolvers(),
): Promise<void> {
  if (ending.aborted) return;
  const wake = () => woken.resolve();
  const timer = setTimeout(wake, milliseconds);
  ending.addEventListener("abort", wake);
  await woken.promise;
  clearTimeout(timer);
  ending.removeEventListener("abort", wake);
}
