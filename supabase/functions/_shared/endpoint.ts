/** From an HTTP request to an operation and back: authentication, CORS, the body's checks, errors, one log line. */
import { type SupabaseContext, SupabaseServerError, withSupabase } from "@supabase/server";
import type { z } from "zod";
import { readBody } from "./body.ts";
import type { Call } from "./call.ts";
import { callerOf } from "./caller.ts";
import { readConfig, REQUEST_SECONDS } from "./config.ts";
import { ContextStore } from "./context_store.ts";
import type { Database } from "./database.types.ts";
import { asContextError, ContextError, toResponse } from "./errors.ts";
import { describe, log } from "./log.ts";
import { Sandboxes } from "./sandboxes.ts";
import { sweepInPassing } from "./sweep.ts";

/** The default export of a function, as the platform and `deno serve` take it. */
export interface Endpoint {
  fetch(request: Request): Promise<Response>;
}

/**
 * Makes an endpoint of an operation.
 *
 * Users come with their JWT, services with any of the project's secret keys. A token that is present but wrong is
 * never downgraded to another mode.
 */
export function endpoint<Body>(
  name: string,
  schema: z.ZodType<Body>,
  operation: (call: Call, body: Body) => Promise<object>,
): Endpoint {
  const handle = async (request: Request, context: SupabaseContext<Database>): Promise<Response> => {
    const started = performance.now();
    const tell = (outcome: string, error?: ContextError) =>
      log(error && error.status >= 500 ? "error" : "info", {
        function: name,
        outcome,
        duration_ms: Math.round(performance.now() - started),
        ...(error && error.status >= 500 ? { error: describe(error) } : {}),
      });
    try {
      if (request.method !== "POST") {
        throw new ContextError("method_not_allowed", "Use POST.");
      }
      const caller = callerOf(context);
      const body = await readBody(request, schema);
      const config = readConfig();
      const call: Call = {
        caller,
        config,
        store: new ContextStore(context.supabaseAdmin),
        sandboxes: new Sandboxes(config),
        answerBy: started + REQUEST_SECONDS * 1000,
      };
      const answer = await operation(call, body);
      sweepInPassing(call);
      tell("ok");
      return Response.json(answer);
    } catch (thrown) {
      const error = thrown instanceof SupabaseServerError
        ? new ContextError("misconfigured", thrown.message, { cause: thrown })
        : asContextError(thrown);
      tell(error.code, error);
      return toResponse(error);
    }
  };
  const guarded = withSupabase<Database>({ auth: ["user", "secret:*"], errors: { detailed: false } }, handle);
  return { fetch: async (request) => await withRetryable(await guarded(request)) };
}

/** Adds `retryable` to the errors that @supabase/server answers by itself, so that callers parse one shape. */
async function withRetryable(response: Response): Promise<Response> {
  if (!response.headers.has("x-supabase-server-error")) return response;
  const body: unknown = await response.json();
  const headers = new Headers(response.headers);
  headers.delete("content-length");
  return Response.json({ ...(body instanceof Object ? body : {}), retryable: false }, {
    status: response.status,
    headers,
  });
}
