/** An agent takes a request back. Whoever serves it is another process, as likely as not. */
import type { ExecutionCall } from "../executions/execution_call.ts";
import { stop } from "../executions/stop.ts";
import { pause } from "../pause.ts";
import { keyOf } from "./run.ts";
import type { Session } from "./session.ts";

/** How long a run is stopped that nobody knows yet, in milliseconds: its request may be on its way. */
const PATIENCE_MILLISECONDS = 10_000;

/** @throws ContextError */
export async function cancel(call: ExecutionCall, session: Session, id: string | number): Promise<void> {
  const idempotency_key = keyOf(session, id);
  if (idempotency_key === undefined) return;
  const until = performance.now() + PATIENCE_MILLISECONDS;
  for (let asked = 0;; asked++) {
    if (await stop(call, { ...session.conversation, idempotency_key }) > 0) return;
    if (!await pause(asked, until, call.ending)) return;
  }
}
