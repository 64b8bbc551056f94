/** What is done for each request, whatever its method: whose it is, its input, the operation, one log line. */
import { type SupabaseContext, SupabaseServerError } from "@supabase/server";
import type { Call } from "../call.ts";
import { callerOf } from "../caller.ts";
import { readConfig } from "../config.ts";
import { ContextStore } from "../contexts/context_store.ts";
import { Rpc } from "../database/rpc.ts";
import type { Database } from "../database/types.ts";
import { asContextError, ContextError } from "../errors.ts";
import type { ExecutionCall } from "../executions/execution_call.ts";
import { ExecutionStore } from "../executions/execution_store.ts";
import { KeyStore } from "../executions/key_store.ts";
import { describe, log } from "../log.ts";
import { Arrival } from "../memory.ts";
import { Sandboxes } from "../sandbox/sandboxes.ts";
import type { Trace } from "../trace.ts";
import { ending } from "../worker.ts";

/** A request whose credentials hold. */
export interface Exchange {
  /** Of the function. */
  readonly name: string;
  readonly request: Request;
  readonly context: SupabaseContext<Database>;
  readonly trace: Trace;
  /** Aborted when the caller goes away. */
  readonly gone: AbortController;
}

/** What a function does for requests of one method. What it throws is answered as an error. */
export type Method = (exchange: Exchange) => Promise<Response>;

export interface Work<Input, Answer> {
  /** Reads the request. What it takes is the arrival's. */
  readonly read: (request: Request, arrival: Arrival) => Promise<Input>;
  readonly operation: (call: ExecutionCall, input: Input) => Promise<Answer>;
  /** Where the answer is a stream: tells its reader. */
  readonly tell?: Call["tell"];
}

/**
 * Does the work, and logs how that went.
 *
 * @throws ContextError
 */
export async function perform<Input, Answer>(
  { name, request, context, trace, gone }: Exchange,
  { read, operation, tell }: Work<Input, Answer>,
): Promise<Answer> {
  const arrival = new Arrival();
  try {
    // Before the input: who may not call makes nobody read it, and the log says whose it was if it is refused.
    const caller = callerOf(context);
    if (caller.kind === "user") trace.about({ tenant_id: caller.tenantId });
    const input = await read(request, arrival);
    const config = readConfig();
    const limits = tell ? config.stream : config.answer;
    const answerBy = trace.started + limits.requestSeconds * 1000;
    const rpc = new Rpc(context.supabaseAdmin, trace, answerBy);
    const call: ExecutionCall = {
      caller,
      config,
      trace,
      limits,
      answerBy,
      store: new ContextStore(rpc),
      executions: new ExecutionStore(rpc),
      keys: new KeyStore(rpc),
      sandboxes: new Sandboxes(config, trace),
      gone: gone.signal,
      ending,
      tell: tell ?? (async () => {}),
    };
    const answer = await operation(call, input);
    log("info", { function: name, outcome: "ok", ...trace.fields() });
    return answer;
  } catch (thrown) {
    const error = thrown instanceof SupabaseServerError
      ? new ContextError("misconfigured", thrown.message, { cause: thrown })
      : asContextError(thrown);
    const isOurs = error.status >= 500;
    log(isOurs ? "error" : "info", {
      function: name,
      outcome: error.code,
      ...trace.fields(),
      ...(isOurs ? { error: describe(error) } : {}),
    });
    throw error;
  } finally {
    arrival.release();
  }
}
