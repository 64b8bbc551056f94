/** GET: looks, and changes nothing. No body is read, and nothing is swept in passing: monitors ask often. */
import type { ExecutionCall } from "../executions/execution_call.ts";
import { type Method, perform } from "./perform.ts";

/** Makes a method of an operation, whose answer `respond` puts into the form that the request accepts. */
export function get<Answer>(
  operation: (call: ExecutionCall) => Promise<Answer>,
  respond: (answer: Answer, accept: string | null) => Response,
): Method {
  return async (exchange) => {
    const answer = await perform(exchange, { read: () => Promise.resolve(), operation });
    return respond(answer, exchange.request.headers.get("accept"));
  };
}
