/**
 * Programs that run until they are stopped, and say when they have begun; in Python, if not said otherwise. They sleep,
 * because in a loop without a pause a few of them would leave a machine no time for the tests.
 */

/**
 * A time limit, in milliseconds, by which a run has begun also where the machine is busy. It counts from before the code is
 * sent, and what has not begun by then is dropped without an interrupt: it has said nothing and costs nobody a kernel. What
 * runs until then had better be idle.
 */
export const BEGUN_BY_MILLISECONDS = 5_000;

/** Counts in `n`, and yields to an interrupt. */
export const endless = `import time
n = 0
print("begun", flush=True)
while True:
    n += 1
    time.sleep(0.01)`;

/** The same in JavaScript, whose kernels start sooner. */
export const quickEndless = `var n = 0;
console.log("begun");
for (;;) {
  n += 1;
  await new Promise((resolve) => setTimeout(resolve, 10));
}`;

/** Ignores the interrupt, as a C extension in a loop does. */
export const stubborn = `import time
print("begun", flush=True)
while True:
    try:
        while True: time.sleep(0.1)
    except BaseException: pass`;
