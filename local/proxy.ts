/** Forwarding of one request, and of its answer, as they come. */

/** Headers of one connection, not of the message (RFC 9110, 7.6.1), and those that `fetch` sets itself. */
const HOP_BY_HOP = [
  "connection",
  "host",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

export interface ForwardOptions {
  /** In the place of the request's. */
  readonly headers?: Headers;
  /** The request's body, if it was read already. */
  readonly body?: Blob;
  /** Gives it up, in the place of the request's. */
  readonly signal?: AbortSignal;
}

/**
 * Sends the request to `target`, streaming both ways. When the client goes away the request is given up there too.
 *
 * Deno's `fetch` sends a request again when a connection that was in use before closes without an answer, whatever the
 * method, unless the body is one that it cannot send twice: a stream or a Blob, even an empty one. A call must not run
 * twice because the process that ran it crashed.
 * @throws {TypeError} when the target cannot be reached, or goes before it answered
 */
export async function forward(request: Request, target: URL, options: ForwardOptions = {}): Promise<Response> {
  const headers = endToEnd(options.headers ?? request.headers);
  // Otherwise `fetch` would unpack the body, and its `content-length` would be wrong.
  headers.set("accept-encoding", "identity");
  const response = await fetch(target, {
    method: request.method,
    headers,
    body: /^(GET|HEAD)$/.test(request.method) ? null : options.body ?? request.body ?? new Blob(),
    redirect: "manual",
    signal: options.signal ?? request.signal,
  });
  return new Response(response.body, {
    status: response.status,
    statusText: response.statusText,
    headers: endToEnd(response.headers),
  });
}

/** Whether `forward` failed before anything was sent, so that trying elsewhere cannot do the same thing twice. */
export function notConnected(error: unknown): boolean {
  return error instanceof TypeError && /\(Connect\)/.test(`${error.message} ${error.cause}`);
}

function endToEnd(headers: Headers): Headers {
  const kept = new Headers(headers);
  const named = headers.get("connection")?.split(",").map((name) => name.trim()).filter((name) => name !== "") ?? [];
  for (const name of [...HOP_BY_HOP, ...named]) kept.delete(name);
  return kept;
}
