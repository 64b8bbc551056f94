/**
 * Python that runs until it is stopped, and says when it has begun. It sleeps, because in a loop without a pause a few of
 * them would leave a machine no time for the tests.
 */

/** Counts in `n`, and yields to an interrupt. */
export const endless = `import time
n = 0
print("begun", flush=True)
while True:
    n += 1
    time.sleep(0.01)`;

/** Ignores the interrupt, as a C extension in a loop does. */
export const stubborn = `import time
print("begun", flush=True)
while True:
    try:
        while True: time.sleep(0.1)
    except BaseException: pass`;
