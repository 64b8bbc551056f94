import type { ExecuteResponse, ToldEvent } from "./contract.ts";

/** What an execution came to. Code that raised is a result, too: see `execution.error`. */
export interface ExecuteResult extends ExecuteResponse {
  /** In words for a model: variables that it may count on are gone, and why. Null, too, when that was said before. */
  readonly stateNote: string | null;
}

/**
 * A run: await it for its result, or iterate it for its events, as they come; each iteration has them all. It has begun,
 * and goes on when nobody iterates any more; `cancel` stops it, and so does the signal that it was given.
 */
export class Execution implements Promise<ExecuteResult>, AsyncIterable<ToldEvent> {
  readonly [Symbol.toStringTag] = "Execution";
  readonly #result: Promise<ExecuteResult>;
  readonly #told: ToldEvent[] = [];
  readonly #cancel: () => Promise<void>;
  /** Those who wait for the next event. */
  readonly #waiting: (() => void)[] = [];
  #hasEnded = false;

  constructor(run: (tell: (event: ToldEvent) => void) => Promise<ExecuteResult>, cancel: () => Promise<void>) {
    this.#cancel = cancel;
    this.#result = run((event) => {
      this.#told.push(event);
      this.#wake();
    }).finally(() => {
      this.#hasEnded = true;
      this.#wake();
    });
    // Who iterates is told there, and who does neither asked for nothing.
    this.#result.catch(() => {});
  }

  /** Stops the run by its name, whatever has become of the connection: it ends as `cancelled`, with what it had said. */
  cancel(): Promise<void> {
    return this.#cancel();
  }

  then<A = ExecuteResult, B = never>(
    onResult?: ((result: ExecuteResult) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#result.then(onResult, onError);
  }

  catch<B = never>(onError?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<ExecuteResult | B> {
    return this.#result.catch(onError);
  }

  finally(onEnd?: (() => void) | null): Promise<ExecuteResult> {
    return this.#result.finally(onEnd);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ToldEvent, void> {
    for (let at = 0;;) {
      const event = this.#told[at];
      if (event !== undefined) {
        at++;
        yield event;
      } else if (this.#hasEnded) {
        await this.#result;
        return;
      } else {
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
      }
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
