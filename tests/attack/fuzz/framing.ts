/** Requests whose bodies do not end where they say. */
import type { Random } from "../../guarantee/chaos/random.ts";
import { joined } from "./bytes.ts";
import type { FuzzRequest, Header } from "./request.ts";
import { oneOf } from "./values.ts";

const encoder = new TextEncoder();

/** Cuts the body off, or lies about its length. */
export function cutOff(random: Random, request: FuzzRequest): FuzzRequest {
  const { body, headers } = request;
  const kind = "cut off";
  const length = (value: string | number): Header => ["content-length", String(value)];
  const chunked: Header = ["transfer-encoding", "chunked"];
  const then = oneOf(random, ["close", "leave"] as const);
  const cut = body.slice(0, random.between(0, body.length - 1));
  const silent = { ...request, kind, then, silence: true };
  return random.pick<FuzzRequest>([
    [4, { ...silent, headers: [...headers, length(body.length)], body: cut }],
    [2, { ...silent, headers: [...headers, length(random.between(body.length + 1, 9_000_000))] }],
    // The rest looks like another request, which must not be served as one.
    [2, { ...request, kind, headers: [...headers, length(cut.length)], silence: true }],
    [1, { ...silent, headers: [...headers, length("9".repeat(30))] }],
    [1, { ...silent, headers: [...headers, length(oneOf(random, ["-1", "abc", "1e3", "0x10", "", "+5", "5 5"]))] }],
    [1, { ...silent, headers: [...headers, length(body.length), length(body.length + 1)] }],
    [2, { ...silent, headers: [...headers, chunked], body: chunks(body).slice(0, random.between(0, body.length)) }],
    [2, { ...request, kind, headers: [...headers, chunked], body: chunks(body) }],
    [1, { ...silent, headers: [...headers, chunked], body: encoder.encode("zz\r\nno size\r\n0\r\n\r\n") }],
    [1, { ...silent, headers: [...headers, chunked], body: encoder.encode("ffffffffffffffff\r\n{") }],
    [1, { ...silent, headers: [...headers, length(4), chunked], body: chunks(body) }],
  ]);
}

/** In chunks of a few bytes. */
function chunks(body: Uint8Array): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < body.length; at += 7) {
    const piece = body.subarray(at, at + 7);
    parts.push(encoder.encode(`${piece.length.toString(16)}\r\n`), piece, encoder.encode("\r\n"));
  }
  return joined(...parts, encoder.encode("0\r\n\r\n"));
}
