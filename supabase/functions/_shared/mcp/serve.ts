/** POST: a message of an agent, answered as MCP has it (Streamable HTTP). */
import { type CallToolResult, createMcpHandler } from "@modelcontextprotocol/server";
import * as z from "zod/mini";
import { keepAlive } from "../background.ts";
import { ContextError } from "../errors.ts";
import { readBody } from "../http/body.ts";
import { SILENCE_MILLISECONDS } from "../http/event_stream.ts";
import { type Exchange, type Method, perform } from "../http/perform.ts";
import { describe, log } from "../log.ts";
import { relayed } from "./relay.ts";
import { SESSION_ID } from "./headers.ts";
import { serverOf } from "./server.ts";
import { isStateless, sessionOf } from "./session.ts";

/** One message: several in one body, as a revision had them, would hold all their answers at the same time. */
const messageSchema = z.looseObject({ method: z.optional(z.string()), id: z.optional(z.unknown()) });
type Message = z.infer<typeof messageSchema>;

/** Longest words of another's in the log, in characters: they may quote a header. */
const LOGGED_CHARACTERS = 200;

/** The answer goes out while the work is on, which the platform is asked to let come to its end. */
export const serve: Method = async (exchange) => {
  const answer = Promise.withResolvers<Response>();
  const work = answered(exchange, answer.resolve);
  keepAlive(work);
  work.catch(answer.reject);
  return await answer.promise;
};

async function answered(exchange: Exchange, respond: (response: Response) => void): Promise<void> {
  const { request, gone } = exchange;
  await perform(exchange, {
    read: (request, arrival) => readBody(request, messageSchema, arrival),
    // What an answer's stream tells comes from the tools.
    tell: async () => {},
    operation: async (call, message) => {
      // Before the SDK, so that what its URL says wrong is an answer of ours.
      const session = sessionOf(request, call.caller);
      const calls: Promise<CallToolResult>[] = [];
      const handler = createMcpHandler(
        () =>
          serverOf({
            call,
            session,
            stopsWithConnection: isStateless(request),
            onCall: (work) => calls.push(work),
          }),
        {
          responseMode: "sse",
          keepAliveMs: SILENCE_MILLISECONDS,
          onerror: (error) =>
            log("info", {
              event: "mcp_refused",
              request_id: call.trace.requestId,
              error: describe(error).slice(0, LOGGED_CHARACTERS),
            }),
        },
      );
      const response = await handler.fetch(request, { parsedBody: message });
      if (begins(message) && response.ok) response.headers.set(SESSION_ID, crypto.randomUUID());
      const { relay, isOver } = relayed(response, gone);
      respond(relay);
      await isOver;
      // An agent that has hung up may leave its run to come to an end, or to be interrupted: the worker must last.
      await Promise.allSettled(calls);
      // Told to the agent already; thrown for the log.
      await Promise.all(calls);
      if (response.status >= 400) throw new ContextError("invalid_request", "It is no message of the protocol.");
    },
  });
}

/** Whether a session begins: its id is all that there is of it, and names its conversation. */
function begins({ method, id }: Message): boolean {
  return method === "initialize" && id !== undefined;
}
