/** POST: a message of an agent, answered as MCP has it (Streamable HTTP). */
import { createMcpHandler } from "@modelcontextprotocol/server";
import * as z from "zod/mini";
import { keepAlive } from "../background.ts";
import { readBody } from "../http/body.ts";
import { type Exchange, type Method, perform } from "../http/perform.ts";
import { describe, log } from "../log.ts";
import { SESSION_ID } from "./headers.ts";
import { serverOf } from "./server.ts";
import { sessionOf } from "./session.ts";

/**
 * How long a stream may be silent, in milliseconds: the platform finds out that an agent has hung up when it writes.
 */
const SILENCE_MILLISECONDS = 1_000;

const messageSchema = z.union([z.looseObject({ method: z.optional(z.string()) }), z.array(z.unknown())]);
type Message = z.infer<typeof messageSchema>;

/** The answer goes out while the work is on, which the platform is asked to let come to its end. */
export const serve: Method = async (exchange) => {
  const answer = Promise.withResolvers<Response>();
  const work = answered(exchange, answer.resolve);
  keepAlive(work);
  work.catch(answer.reject);
  return await answer.promise;
};

async function answered(exchange: Exchange, respond: (response: Response) => void): Promise<void> {
  let failure: { readonly thrown: unknown } | undefined;
  await perform(exchange, {
    read: async (request, arrival) => ({
      session: sessionOf(request),
      message: await readBody(request, messageSchema, arrival),
    }),
    // What an answer's stream tells comes from the tools.
    tell: async () => {},
    operation: async (call, { session, message }) => {
      const handler = createMcpHandler(
        ({ era }) => serverOf(call, session, era === "modern", (thrown) => failure = { thrown }),
        {
          responseMode: "sse",
          keepAliveMs: SILENCE_MILLISECONDS,
          onerror: (error) =>
            log("info", { event: "mcp_refused", request_id: call.trace.requestId, error: describe(error) }),
        },
      );
      const response = await handler.fetch(exchange.request, { parsedBody: message });
      if (begins(message)) response.headers.set(SESSION_ID, crypto.randomUUID());
      const { promise, resolve } = Promise.withResolvers<void>();
      respond(untilRead(response, resolve));
      await promise;
      if (failure !== undefined) throw failure.thrown;
    },
  });
}

/** Whether a session begins: its id is all that there is of it, and names its conversation. */
function begins(message: Message): boolean {
  return !Array.isArray(message) && message.method === "initialize";
}

/** Tells when a response has been read to its end, or its reader has gone. */
function untilRead(response: Response, done: () => void): Response {
  if (response.body === null) {
    done();
    return response;
  }
  const reader = response.body.getReader();
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      try {
        const { done: isDone, value } = await reader.read();
        if (!isDone) return controller.enqueue(value);
        controller.close();
      } catch (error) {
        controller.error(error);
      }
      done();
    },
    cancel: async (reason) => {
      done();
      await reader.cancel(reason);
    },
  });
  return new Response(body, response);
}
