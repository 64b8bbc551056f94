import type { ContextCall } from "../contexts/context_call.ts";
import type { ExecutionStore } from "./execution_store.ts";
import type { KeyStore } from "./key_store.ts";

/** A call that may run code: with the way to the ledger and the idempotency keys, too. */
export interface ExecutionCall extends ContextCall {
  readonly executions: ExecutionStore;
  readonly keys: KeyStore;
}
