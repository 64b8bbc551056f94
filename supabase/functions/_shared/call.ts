import type { Caller } from "./caller.ts";
import type { Config, Limits } from "./config.ts";
import type { ContextStore } from "./context_store.ts";
import type { ExecutionStore } from "./execution_store.ts";
import type { Sandboxes } from "./sandboxes.ts";
import type { Trace } from "./trace.ts";

/** One thing told on the way to the answer. */
export interface ServerEvent {
  readonly event: string;
  readonly data: unknown;
}

/** What an operation works with: who asks, and the ways to the database, to E2B, and back to the caller. */
export interface Call {
  readonly caller: Caller;
  readonly config: Config;
  readonly trace: Trace;
  /** Of this request: a stream may take longer. */
  readonly limits: Limits;
  /** When the request must have been answered, on `performance.now()`'s clock. */
  readonly answerBy: number;
  readonly store: ContextStore;
  readonly executions: ExecutionStore;
  readonly sandboxes: Sandboxes;
  /** Aborts when the caller has gone, where the platform tells. */
  readonly gone: AbortSignal;
  /** Tells a caller who listens to a stream; nothing to others. It never fails, and takes as long as the caller does. */
  readonly tell: (event: ServerEvent) => Promise<void>;
}
