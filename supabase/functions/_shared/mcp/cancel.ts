/** An agent takes a request back. Whoever serves it is another process, as likely as not. */
import { tenantOf, userOf } from "../caller.ts";
import type { ExecutionCall } from "../executions/execution_call.ts";
import { pause } from "../pause.ts";
import { nameOf } from "./run.ts";
import type { Session } from "./session.ts";

/** How long a run is stopped that nobody knows yet, in milliseconds: its request may be on its way. */
const PATIENCE_MILLISECONDS = 3_000;

/** @throws ContextError */
export async function cancel(call: ExecutionCall, session: Session, id: string | number): Promise<void> {
  const name = nameOf(session, id);
  if (name === undefined) return;
  const { tenant_id, user_id, conversation_id } = session.conversation;
  const stop = {
    tenantId: tenantOf(call.caller, tenant_id),
    userId: userOf(call.caller, user_id),
    conversationId: conversation_id,
    name,
  };
  const until = performance.now() + PATIENCE_MILLISECONDS;
  for (let asked = 0;; asked++) {
    if (await call.executions.stop(stop) > 0) return;
    if (!await pause(asked, until, call.ending)) return;
  }
}
