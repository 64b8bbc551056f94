/**
 * Waits before asking again: growing from 50 ms to 1.6 s, and jittered, so that a hundred waiters do not ask in step.
 * False, at once, when that would be after `giveUpAt`, on `performance.now()`'s clock, or when the worker is `ending`.
 */
export async function pause(polls: number, giveUpAt: number, ending: AbortSignal): Promise<boolean> {
  const longest = 50 * 2 ** Math.min(polls, 5);
  const wait = longest * (0.5 + Math.random() / 2);
  if (ending.aborted || performance.now() + wait >= giveUpAt) return false;
  const over = Promise.withResolvers<void>();
  const wake = () => over.resolve();
  const timer = setTimeout(wake, wait);
  ending.addEventListener("abort", wake);
  await over.promise;
  clearTimeout(timer);
  ending.removeEventListener("abort", wake);
  return !ending.aborted;
}
