/** RPCs of envd without an SDK, which would read what is streamed, and hide what is sent. */
import type { E2BServer } from "../../local/e2b/server.ts";

/** Calls a method that answers at once. */
export async function callRpc(
  server: E2BServer,
  sandboxId: string,
  method: string,
  message: unknown,
): Promise<Response> {
  return await post(server, sandboxId, method, JSON.stringify(message), { "Content-Type": "application/json" });
}

/** Calls a method that answers with a stream; nothing of it is read yet. */
export async function openStream(
  server: E2BServer,
  sandboxId: string,
  method: string,
  message: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  const json = new TextEncoder().encode(JSON.stringify(message));
  const head = new Uint8Array(5);
  new DataView(head.buffer).setUint32(1, json.length);
  const body = new Blob([head, json]);
  return await post(server, sandboxId, method, body, { "Content-Type": "application/connect+json", ...headers });
}

/** The messages of a stream, one after the other, and what its end frame holds. */
export async function* messagesOf(response: Response): AsyncGenerator<Record<string, unknown>> {
  let rest = new Uint8Array();
  for await (const chunk of response.body ?? []) {
    rest = new Uint8Array([...rest, ...chunk]);
    while (rest.length >= 5) {
      const end = 5 + new DataView(rest.buffer, rest.byteOffset).getUint32(1);
      if (rest.length < end) break;
      yield JSON.parse(new TextDecoder().decode(rest.subarray(5, end)));
      rest = rest.slice(end);
    }
  }
}

async function post(
  server: E2BServer,
  sandboxId: string,
  method: string,
  body: BodyInit,
  headers: Record<string, string>,
): Promise<Response> {
  const connected = await fetch(`${server.url}/v2/sandboxes/${sandboxId}/connect`, {
    method: "POST",
    headers: { "X-API-KEY": server.apiKey },
  });
  const { envdAccessToken } = await connected.json();
  return await fetch(`${server.url}/${method}`, {
    method: "POST",
    headers: {
      "E2b-Sandbox-Id": sandboxId,
      "E2b-Sandbox-Port": "49983",
      "X-Access-Token": envdAccessToken,
      ...headers,
    },
    body,
  });
}
