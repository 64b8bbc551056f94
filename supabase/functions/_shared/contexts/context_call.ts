import type { Call } from "../call.ts";
import type { Sandboxes } from "../sandbox/sandboxes.ts";
import type { ContextStore } from "./context_store.ts";

/** A call with the ways to what a context is made of: its row, and its sandbox at E2B. */
export interface ContextCall extends Call {
  readonly store: ContextStore;
  readonly sandboxes: Sandboxes;
}
