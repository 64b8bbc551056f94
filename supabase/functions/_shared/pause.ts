/**
 * Waits before asking again: growing from 50 ms to 1.6 s, and jittered, so that a hundred waiters do not ask in step.
 * False, at once, when that would be after `giveUpAt`, on `performance.now()`'s clock.
 */
export async function pause(polls: number, giveUpAt: number): Promise<boolean> {
  const longest = 50 * 2 ** Math.min(polls, 5);
  const wait = longest * (0.5 + Math.random() / 2);
  if (performance.now() + wait >= giveUpAt) return false;
  await new Promise((resolve) => setTimeout(resolve, wait));
  return true;
}
