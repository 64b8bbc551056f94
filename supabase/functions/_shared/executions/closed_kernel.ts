/** A sandbox that runs, and nobody in it to take code: its kernels' server restarts, or is gone for good. */
import type { Acquired } from "../contexts/acquire.ts";
import { ContextError } from "../errors.ts";
import { log } from "../log.ts";
import { pause } from "../pause.ts";
import { isClosed, unavailable } from "../sandbox/kernel.ts";
import type { ExecutionCall } from "./execution_call.ts";

/** How long a sandbox may be without its kernels' server before it is given up, in milliseconds: it starts in a few seconds. */
const CLOSED_MILLISECONDS = 15_000;

/**
 * Does `attempt`, again and again while the sandbox takes no code. Gone: that has lasted too long, and the context has
 * ended, because every later caller would meet the same; or the attempt has found no sandbox.
 *
 * @throws ContextError
 */
export async function whenOpen<Answer>(
  call: Pick<ExecutionCall, "store" | "answerBy" | "ending">,
  { context, sandbox }: Pick<Acquired, "context" | "sandbox">,
  cancelled: AbortSignal,
  attempt: () => Promise<Answer | "gone" | "closed">,
): Promise<Answer | "gone"> {
  const giveUpAt = performance.now() + CLOSED_MILLISECONDS;
  for (let polls = 0;;) {
    const answer = await attempt();
    if (answer !== "closed") return answer;
    do {
      if (cancelled.aborted) throw new ContextError("cancelled", "The run was stopped, or its caller went away.");
      if (!await pause(polls++, Math.min(giveUpAt, call.answerBy), call.ending)) {
        call.ending.throwIfAborted();
        // Not for want of this request's time.
        if (giveUpAt > call.answerBy) throw unavailable("its port is closed");
        log("error", { event: "kernel_gone", context_id: context.id });
        // Its kill stays owed: the sandbox runs.
        await call.store.lose(context.id, context.sandbox_id, false);
        return "gone";
      }
    } while (await isClosed(sandbox));
  }
}
