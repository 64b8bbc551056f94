/** An HTTP server on the loopback interface, for a handler of `Request` and `Response`. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createRequest, sendResponse } from "@remix-run/node-fetch-server";
import { LOOPBACK } from "./port.ts";

export interface ServeOptions {
  /** 0, the default, takes any free one. */
  readonly port?: number;
  /** Answers what the handler threw. */
  readonly onError: (error: unknown) => Response;
}

export interface Server {
  readonly port: number;
  /** Frees the port. Answers that are under way get `grace`, in milliseconds; then every connection is closed. */
  stop(grace?: number): Promise<void>;
}

/**
 * Serves requests; a request's signal aborts when its client goes away before the answer is sent.
 *
 * Not by `Deno.serve`, which promises the same and since Deno 2.9.0 does not keep it: where a request's body lies across
 * a multiple of 512 bytes from the request's beginning, the end of the connection is not noticed
 * (`tests/stack/serve.test.ts` sends requests of all lengths). `fetch` of Node and of browsers sends such requests.
 *
 * @throws {Deno.errors.AddrInUse} when the port is taken
 */
export async function serve(
  { port = 0, onError }: ServeOptions,
  handler: (request: Request) => Response | Promise<Response>,
): Promise<Server> {
  const answers = new Set<Promise<void>>();
  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    // A `Request` needs a URL, and makes none of `*` or of another server's address.
    if (!incoming.url?.startsWith("/")) return void outgoing.writeHead(400).end();
    const over = new Promise<void>((resolve) => outgoing.once("finish", resolve).once("close", resolve));
    const response = await Promise.try(() => handler(createRequest(incoming, outgoing))).catch(onError);
    // Its source must hear that nobody reads it.
    if (outgoing.destroyed || incoming.method === "HEAD") await response.body?.cancel();
    if (outgoing.destroyed) return;
    const sent = sendResponse(outgoing, response);
    // Otherwise the head waits for the first piece of the body, and a stream may have none for long.
    if (outgoing.headersSent) outgoing.flushHeaders();
    await sent;
    // The rest of a body that was not read would stand before the connection's next request.
    if (!incoming.complete) incoming.removeAllListeners("data").resume();
    await over;
  };
  // Idle connections stay: Node closes them after five seconds, now and then on a request that is on its way.
  const server = createServer({ keepAliveTimeout: 0 }, (incoming, outgoing) => {
    // A body whose source broke off breaks off too.
    const over: Promise<void> = answer(incoming, outgoing).catch(() => void outgoing.destroy())
      .finally(() => answers.delete(over));
    answers.add(over);
  });
  await new Promise<void>((resolve, reject) => {
    server.on("error", (error) => {
      reject("code" in error && error.code === "EADDRINUSE" ? new Deno.errors.AddrInUse(error.message) : error);
    });
    server.listen(port, LOOPBACK, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("The server has no port");
  return {
    port: address.port,
    stop: async (grace = 0) => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const { promise, resolve } = Promise.withResolvers<void>();
      const impatience = setTimeout(resolve, grace);
      await Promise.race([Promise.all(answers), promise]);
      clearTimeout(impatience);
      server.closeAllConnections();
      await closed;
    },
  };
}
