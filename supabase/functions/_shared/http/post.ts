/** POST: a body of the function's shape in, JSON out, or a stream of events. */
import type * as z from "zod/mini";
import { keepAlive } from "../background.ts";
import type { Call, ServerEvent } from "../call.ts";
import { sweepInPassing } from "../contexts/sweep.ts";
import type { ExecutionCall } from "../executions/execution_call.ts";
import { readBody } from "./body.ts";
import { eventStream } from "./event_stream.ts";
import { jsonResponse } from "./json_response.ts";
import { type Method, perform } from "./perform.ts";

/**
 * Makes a method of an operation. After it has answered, a little is swept.
 *
 * With `last`, callers who accept `text/event-stream` are answered with what the operation tells, and what `last` makes
 * of its answer.
 */
export function post<Body, Answer extends object>(
  schema: z.ZodMiniType<Body>,
  operation: (call: ExecutionCall, body: Body) => Promise<Answer>,
  last?: (answer: Answer) => ServerEvent,
): Method {
  return async (exchange) => {
    const begin = (tell?: Call["tell"]) => {
      const work = perform(exchange, {
        read: (request, arrival) => readBody(request, schema, arrival),
        operation: async (call, body) => {
          const answer = await operation(call, body);
          sweepInPassing(call);
          return answer;
        },
        tell,
      });
      keepAlive(work);
      return work;
    };
    if (last && exchange.request.headers.get("accept")?.includes("text/event-stream")) {
      return await eventStream(async (tell) => last(await begin(tell)), exchange.gone);
    }
    return jsonResponse(await begin());
  };
}
