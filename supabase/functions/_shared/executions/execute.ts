/** Run code on a path, once where the caller asks for that. */
import { pathKeyOf } from "../contexts/path_key.ts";
import { view } from "../contexts/view.ts";
import type { ExecuteRequest, ExecuteResponse, ExecutionEvent } from "../contract/execute_code.ts";
import { ContextError } from "../errors.ts";
import type { ExecutionCall } from "./execution_call.ts";
import type { KeptAnswer } from "./key_store.ts";
import { once } from "./once.ts";
import { RunMemory } from "./run_memory.ts";
import { runOnPath } from "./run_on_path.ts";

/**
 * Runs the request's code in the context of its path: at once, or, with an idempotency key, only if that was not done
 * before.
 *
 * @param name the caller's own for it, by which it can be stopped without its path
 * @throws ContextError
 */
export async function execute(call: ExecutionCall, request: ExecuteRequest, name?: string): Promise<ExecuteResponse> {
  const { languages } = call.config.sandbox;
  if (!languages.includes(request.language)) {
    throw new ContextError("invalid_request", `language must be one of: ${languages.join(", ")}.`, {
      field: "language",
    });
  }
  const { maxTimeoutSeconds, timeoutSeconds } = call.limits;
  const timeout = request.timeout_ms ?? timeoutSeconds * 1000;
  if (timeout > maxTimeoutSeconds * 1000) {
    throw new ContextError("invalid_request", `timeout_ms must be at most ${maxTimeoutSeconds * 1000}.`, {
      field: "timeout_ms",
    });
  }
  const key = pathKeyOf(call.caller, request);
  // What its caller knows of the path says nothing of what is asked: a repeat may know more.
  const { idempotency_key: idempotencyKey, tenant_id: _tenant, user_id: _user, expects: _expects, ...body } = request;
  const memory = new RunMemory();
  const parts = { call, request, name, timeout, tell: call.tell, memory };
  try {
    if (idempotencyKey === undefined) {
      const answer = await runOnPath({ ...parts, executionId: crypto.randomUUID(), gone: call.gone }, key);
      return respond(call, answer, false);
    }
    // Whoever gave a key means to come back for the answer: a caller who goes away does not stop the run.
    const gone = new AbortController().signal;
    const { answer, replayed } = await once(
      call,
      { ...key, idempotencyKey, body },
      (bytes) => memory.hasRoomForAnswer(bytes, call.gone, call.answerBy),
      async (executionId) => await runOnPath({ ...parts, executionId, gone }, key),
    );
    if (replayed) await retell(call, answer);
    return respond(call, answer, replayed);
  } finally {
    memory.release();
  }
}

/** Tells the kept answer of another request, as if it ran now. */
async function retell(call: ExecutionCall, answer: KeptAnswer): Promise<void> {
  const { execution, executionId } = answer;
  const { stdout, stderr, results, error } = execution;
  const events: ExecutionEvent[] = [
    { event: "context", data: { ...view(answer, call.caller), execution_id: executionId } },
    ...(stdout === "" ? [] : [{ event: "stdout" as const, data: { text: stdout } }]),
    ...(stderr === "" ? [] : [{ event: "stderr" as const, data: { text: stderr } }]),
    ...results.map((data) => ({ event: "result" as const, data })),
    ...(error === null ? [] : [{ event: "error" as const, data: error }]),
  ];
  for (const event of events) await call.tell(event);
}

function respond(call: ExecutionCall, answer: KeptAnswer, replayed: boolean): ExecuteResponse {
  const { executionId, stateId, execution } = answer;
  return { ...view(answer, call.caller), state_id: stateId, execution_id: executionId, execution, replayed };
}
