/** From an HTTP request to an operation and back: authentication, CORS, the body's checks, errors, one log line. */
import { type SupabaseContext, SupabaseServerError, withSupabase } from "@supabase/server";
import type { z } from "zod";
import { keepAlive } from "../background.ts";
import type { Call, ServerEvent } from "../call.ts";
import { callerOf } from "../caller.ts";
import { readConfig } from "../config.ts";
import { ContextStore } from "../contexts/context_store.ts";
import { sweepInPassing } from "../contexts/sweep.ts";
import { Rpc } from "../database/rpc.ts";
import type { Database } from "../database/types.ts";
import { asContextError, ContextError, toResponse } from "../errors.ts";
import type { ExecutionCall } from "../executions/execution_call.ts";
import { ExecutionStore } from "../executions/execution_store.ts";
import { KeyStore } from "../executions/key_store.ts";
import { describe, log } from "../log.ts";
import { Arrival } from "../memory.ts";
import { Sandboxes } from "../sandbox/sandboxes.ts";
import { Trace } from "../trace.ts";
import { readBody } from "./body.ts";
import { eventStream } from "./event_stream.ts";

/** The default export of a function, as the platform and `deno serve` take it. */
export interface Endpoint {
  fetch(request: Request): Promise<Response>;
}

/** Headers that a browser's script may read, besides the few that it always may. */
const EXPOSED = ["Retry-After", "Server-Timing", "X-Request-Id"];

/**
 * Makes an endpoint of an operation.
 *
 * Users come with their JWT, services with any of the project's secret keys. A token that is present but wrong is
 * never downgraded to another mode.
 *
 * With `last`, callers who accept `text/event-stream` are answered with what the operation tells, and what `last` makes
 * of its answer.
 */
export function endpoint<Body, Answer extends object>(
  name: string,
  schema: z.ZodType<Body>,
  operation: (call: ExecutionCall, body: Body) => Promise<Answer>,
  last?: (answer: Answer) => ServerEvent,
): Endpoint {
  const handle = async (request: Request, context: SupabaseContext<Database>, trace: Trace, gone: AbortController) => {
    const perform = async (streams: boolean, tell: Call["tell"]): Promise<Answer> => {
      const arrival = new Arrival();
      try {
        if (request.method !== "POST") throw new ContextError("method_not_allowed", "Use POST.");
        // Before the body: who may not call makes nobody read it, and the log says whose it was if it is refused.
        const caller = callerOf(context);
        if (caller.kind === "user") trace.about({ tenant_id: caller.tenantId });
        const body = await readBody(request, schema, arrival);
        const config = readConfig();
        const limits = streams ? config.stream : config.answer;
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
          tell,
        };
        const answer = await operation(call, body);
        sweepInPassing(call);
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
    };
    try {
      if (last && request.headers.get("accept")?.includes("text/event-stream")) {
        return await eventStream(async (tell) => {
          const work = perform(true, tell);
          keepAlive(work);
          return last(await work);
        }, gone);
      }
      const work = perform(false, async () => {});
      keepAlive(work);
      return Response.json(await work);
    } catch (thrown) {
      return toResponse(asContextError(thrown));
    }
  };

  return {
    fetch: async (request) => {
      const trace = new Trace(request);
      const gone = new AbortController();
      request.signal.addEventListener("abort", () => gone.abort());
      let isHandled = false;
      const guarded = withSupabase<Database>(
        { auth: ["user", "secret:*"], errors: { detailed: false } },
        async (authenticated, context) => {
          isHandled = true;
          trace.spend("auth", performance.now() - trace.started);
          return await handle(authenticated, context, trace, gone);
        },
      );
      const response = await guarded(request);
      if (!isHandled && request.method !== "OPTIONS") {
        const outcome = response.headers.get("x-supabase-server-error") ?? String(response.status);
        log("info", { function: name, outcome, ...trace.fields() });
      }
      return stamped(await withRetryable(response), trace);
    },
  };
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

/** Adds what callers may want to know of the request itself, readable by browsers' scripts and developers' tools. */
function stamped(response: Response, trace: Trace): Response {
  const { headers } = response;
  headers.set("X-Request-Id", trace.requestId);
  headers.set("Server-Timing", trace.serverTiming());
  headers.set("Timing-Allow-Origin", "*");
  headers.append("Access-Control-Expose-Headers", EXPOSED.join(", "));
  return response;
}
