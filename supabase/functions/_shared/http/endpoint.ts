/** From an HTTP request to one of a function's methods and back: authentication, CORS, what every answer tells. */
import { withSupabase } from "@supabase/server";
import type { Database } from "../database/types.ts";
import { asContextError, ContextError, toResponse } from "../errors.ts";
import { log } from "../log.ts";
import { Trace } from "../trace.ts";
import { type Exchange, type Method, perform } from "./perform.ts";

/** The default export of a function, as the platform and `deno serve` take it. */
export interface Endpoint {
  fetch(request: Request): Promise<Response>;
}

/** What a function does, by method. HEAD is GET's. */
export interface Methods {
  readonly POST: Method;
  readonly GET?: Method;
  readonly DELETE?: Method;
}

export interface EndpointOptions {
  /** Headers that a browser's script may send, besides those of supabase-js. */
  readonly asked?: readonly string[];
  /** Headers that it may read, besides those of every function. */
  readonly told?: readonly string[];
}

/** Headers that a browser's script may read, besides the few that it always may. */
const EXPOSED = ["Retry-After", "Server-Timing", "X-Request-Id"];

/**
 * Makes an endpoint of its methods.
 *
 * Users come with their JWT, services with any of the project's secret keys. A token that is present but wrong is
 * never downgraded to another mode.
 */
export function endpoint(name: string, methods: Methods, { asked = [], told = [] }: EndpointOptions = {}): Endpoint {
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
          return await answer(methodOf(request, methods), { name, request: authenticated, context, trace, gone });
        },
      );
      const response = await guarded(request);
      if (!isHandled && request.method !== "OPTIONS") {
        const outcome = response.headers.get("x-supabase-server-error") ?? String(response.status);
        log("info", { function: name, outcome, ...trace.fields() });
      }
      if (request.method === "OPTIONS" && asked.length > 0) {
        response.headers.append("Access-Control-Allow-Headers", asked.join(", "));
      }
      return stamped(await withRetryable(response), trace, told);
    },
  };
}

/** An error is an answer, too. */
async function answer(method: Method, exchange: Exchange): Promise<Response> {
  try {
    return await method(exchange);
  } catch (thrown) {
    return toResponse(asContextError(thrown));
  }
}

function methodOf({ method }: Request, methods: Methods): Method {
  const { GET, POST, DELETE } = methods;
  if (method === "POST") return POST;
  if (DELETE && method === "DELETE") return DELETE;
  if (GET && method === "GET") return GET;
  if (GET && method === "HEAD") return async (exchange) => new Response(null, await answer(GET, exchange));
  return notAllowed([...(GET ? ["GET", "HEAD"] : []), "POST", ...(DELETE ? ["DELETE"] : []), "OPTIONS"]);
}

/** Refuses, and says what is allowed (RFC 9110, 15.5.6). */
function notAllowed(allowed: readonly string[]): Method {
  const refuse = () => Promise.reject(new ContextError("method_not_allowed", `Use ${allowed.join(", ")}.`));
  return async (exchange) => {
    const response = await answer(() => perform(exchange, { read: refuse, operation: refuse }), exchange);
    response.headers.set("Allow", allowed.join(", "));
    return response;
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
function stamped(response: Response, trace: Trace, told: readonly string[]): Response {
  const { headers } = response;
  headers.set("X-Request-Id", trace.requestId);
  headers.set("Server-Timing", trace.serverTiming());
  headers.set("Timing-Allow-Origin", "*");
  headers.append("Access-Control-Expose-Headers", [...EXPOSED, ...told].join(", "));
  return response;
}
