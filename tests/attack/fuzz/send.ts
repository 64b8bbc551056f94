/** Sends a request over a connection of its own, byte by byte as it is: no HTTP client sends what these are. */
import { joined } from "./bytes.ts";
import { readReply, type Reply } from "./reply.ts";
import type { FuzzRequest } from "./request.ts";

/** Longer than anything here takes on a busy machine, in milliseconds: who waits longer is stuck. */
const PATIENCE_MILLISECONDS = 60_000;

export type Sent =
  | { readonly outcome: "answered"; readonly reply: Reply }
  /** The connection was closed, by either side, without an answer. */
  | { readonly outcome: "silent" }
  | { readonly outcome: "stuck" };

/** Sends, and reads until the server closes. */
export async function send(request: FuzzRequest, origin: string): Promise<Sent> {
  const { hostname, port } = new URL(origin);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  let isLate = false;
  const patience = setTimeout(() => {
    isLate = true;
    connection.close();
  }, PATIENCE_MILLISECONDS);
  try {
    const received = receive(connection);
    await write(connection, joined(latin1(headOf(request, `${hostname}:${port}`)), request.body));
    if (request.then === "leave") return { outcome: "silent" };
    if (request.then === "close") await connection.closeWrite().catch(() => {});
    const reply = readReply(await received);
    if (reply !== null) return { outcome: "answered", reply };
    return { outcome: isLate ? "stuck" : "silent" };
  } finally {
    clearTimeout(patience);
  }
}

function headOf({ method, target, headers, body }: FuzzRequest, host: string): string {
  const names = headers.map(([name]) => name);
  const framed = names.includes("content-length") || names.includes("transfer-encoding");
  const all = [
    ["host", host],
    ["connection", names.includes("upgrade") ? "upgrade, close" : "close"],
    ...headers,
    ...(framed ? [] : [["content-length", String(body.length)]]),
  ];
  return `${method} ${target} HTTP/1.1\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
}

/** A server may answer, and close, before it has read all. */
async function write(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  try {
    for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
  } catch {
    // What came until then is judged.
  }
}

async function receive(connection: Deno.Conn): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const buffer = new Uint8Array(64 * 1024);
  try {
    for (let count = await connection.read(buffer); count !== null; count = await connection.read(buffer)) {
      parts.push(buffer.slice(0, count));
    }
  } catch {
    // Reset, or closed by ourselves: what came until then is judged.
  }
  return joined(...parts);
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff);
}
