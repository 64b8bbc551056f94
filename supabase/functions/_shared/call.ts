import type { Caller } from "./caller.ts";
import type { Config } from "./config.ts";
import type { ContextStore } from "./context_store.ts";
import type { Sandboxes } from "./sandboxes.ts";

/** What an operation works with: who asks, and the ways to the database and to E2B. */
export interface Call {
  readonly caller: Caller;
  readonly config: Config;
  /** When the request must have been answered, on `performance.now()`'s clock. */
  readonly answerBy: number;
  readonly store: ContextStore;
  readonly sandboxes: Sandboxes;
}
