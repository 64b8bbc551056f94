/** Calls of the database's functions, through PostgREST. */
import type { SupabaseClient } from "@supabase/supabase-js";
import type * as z from "zod/mini";
import { ContextError } from "../errors.ts";
import { log } from "../log.ts";
import type { Trace } from "../trace.ts";
import type { Database } from "./types.ts";

/** Time limit of one call, in milliseconds. A call is one short transaction. */
const CALL_MILLISECONDS = 10_000;
/** Every function may be asked again: an answer that was lost costs a repeat, not what it was for. */
const CALLS = 3;

type Functions = Database["public"]["Functions"];

export class Rpc {
  /** `answerBy`: when the request must have been answered, on `performance.now()`'s clock; no call lasts longer. */
  constructor(
    private readonly client: SupabaseClient<Database>,
    private readonly trace: Trace,
    private readonly answerBy: number,
  ) {}

  /**
   * Calls a function and checks what it returns.
   *
   * @throws ContextError `database_unavailable` or `misconfigured`
   */
  async call<Name extends keyof Functions, Row>(
    name: Name,
    parameters: Functions[Name]["Args"],
    schema: z.ZodMiniType<Row>,
  ): Promise<Row> {
    for (let call = 1;; call++) {
      const time = Math.max(0, Math.min(CALL_MILLISECONDS, this.answerBy - performance.now()));
      const { data, error, status } = await this.trace.measure(
        "database",
        async () => await this.client.rpc(name, parameters).abortSignal(AbortSignal.timeout(time)),
      );
      if (!error) return schema.parse(data);
      const problem = asDatabaseError(name, error, status);
      if (!problem.retryable || call === CALLS || performance.now() >= this.answerBy) throw problem;
      log("warning", { event: "database_call_repeated", rpc: name, status, database_code: error.code });
      await new Promise((resolve) => setTimeout(resolve, 100 * call * (0.5 + Math.random())));
    }
  }
}

/** What PostgREST or the way to it answered, as an error for callers. */
function asDatabaseError(name: string, error: { code: string; message: string }, status: number): ContextError {
  // Not in PostgREST's picture of the schema, or gone since it took it.
  if (error.code === "PGRST202" || error.code === "42883") {
    return new ContextError("misconfigured", `The database has no function ${name}: its migrations are not applied.`, {
      cause: error,
    });
  }
  if (status === 401 || status === 403) {
    return new ContextError("misconfigured", "The database refuses the functions' secret key.", { cause: error });
  }
  // 0: the request got no answer. Without a code, PostgREST has none of the database's: it was cut off in mid-query, and
  // says 400.
  if (status === 0 || (status === 400 && !error.code) || status === 408 || status === 429 || status >= 500) {
    return new ContextError("database_unavailable", "The database did not answer. Try again.", {
      retryAfterSeconds: 1,
      cause: error,
    });
  }
  return new ContextError("internal", "An unexpected error. The function's log says more.", { cause: error });
}
