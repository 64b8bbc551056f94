import type { Caller } from "./caller.ts";
import type { Config, Limits } from "./config.ts";
import type { Trace } from "./trace.ts";

/** One thing told on the way to the answer. */
export interface ServerEvent {
  readonly event: string;
  readonly data: unknown;
}

/** What every operation knows of the request: who asks, under which settings, until when, and the way back to the caller. */
export interface Call {
  readonly caller: Caller;
  readonly config: Config;
  readonly trace: Trace;
  /** Of this request: a stream may take longer. */
  readonly limits: Limits;
  /** When the request must have been answered, on `performance.now()`'s clock. */
  readonly answerBy: number;
  /** Aborts when the caller has gone, where the platform tells. */
  readonly gone: AbortSignal;
  /** Aborts when the worker that serves the request is about to end; its reason is what the caller is told then. */
  readonly ending: AbortSignal;
  /** Tells a caller who listens to a stream; nothing to others. It never fails, and takes as long as the caller does. */
  readonly tell: (event: ServerEvent) => Promise<void>;
}
