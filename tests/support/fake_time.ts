/** Time that passes only when a test says so. */
import { mock } from "node:test";

/** Lets so many milliseconds pass, and all happen that follows from it. */
export type Pass = (milliseconds: number) => Promise<void>;

/** Runs a test in which timers wait for `pass`. */
export async function inFakeTime(test: (pass: Pass) => Promise<void>): Promise<void> {
  // A test that hangs never comes to its end, and must not take the next one with it.
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  try {
    await test(async (milliseconds) => {
      await settled();
      // In steps: what one timer sets off may be what the next one meets.
      for (let left = milliseconds; left > 0; left -= 1_000) {
        mock.timers.tick(Math.min(left, 1_000));
        await settled();
      }
    });
  } finally {
    mock.timers.reset();
  }
}

/** Lets everything happen that waits for no timer. */
export async function settled(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}
