/** What a worker has to do yet: requests that it has not answered to their end, and promises that it was told to keep. */

export interface Work {
  /** Until `task` settles, the worker is at work; what it rejects with is the caller's business. */
  during(task: Promise<unknown>): void;
  /** `EdgeRuntime.waitUntil`: a failure has to be seen somewhere. */
  waitUntil(promise: Promise<unknown>): void;
  /** Settles when it is idle. */
  idle(): Promise<void>;
}

export function createWork(): Work {
  let open = 0;
  let waiting: (() => void)[] = [];
  const end = () => {
    open--;
    if (open > 0) return;
    const heard = waiting;
    waiting = [];
    for (const hear of heard) hear();
  };
  const work: Work = {
    during: (task) => {
      open++;
      task.then(end, end);
    },
    waitUntil: (promise) => {
      const logged = Promise.resolve(promise).catch((error) => console.error("EdgeRuntime.waitUntil:", error));
      work.during(logged);
    },
    idle: async () => {
      while (open > 0) await new Promise<void>((resolve) => waiting.push(resolve));
    },
  };
  return work;
}
