/** How long nothing may come of something. */
export interface Patience extends Disposable {
  /** Aborted at its end, for a reason in words. */
  readonly end: AbortSignal;
  /** Begins it anew. */
  readonly renew: () => void;
}

/** Ends when it was not renewed for so many seconds. */
export function startPatience(seconds: number, reason: string): Patience {
  const end = new AbortController();
  const start = () => setTimeout(() => end.abort(reason), seconds * 1000);
  let timer = start();
  const stop = () => clearTimeout(timer);
  return {
    end: end.signal,
    renew: () => {
      stop();
      timer = start();
    },
    [Symbol.dispose]: stop,
  };
}
