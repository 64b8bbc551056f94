/** Bodies as large as they may be, of shapes that cost a reader the most. */
import type { Random } from "../../guarantee/chaos/random.ts";
import { oneOf } from "./values.ts";

const PATH = '"conversation_id":"fuzz-0","path_id":"path-0"';
const RUN = `${PATH},"code":"1","language":"javascript"`;

/** What stands before, what is repeated until the body is full, and what stands after. */
const SHAPES: readonly (readonly [before: string, piece: (index: number) => string, after: string])[] = [
  [`{${RUN},"files":[{"path":"a","content":"`, () => "x", '"}]}'],
  [`{${RUN},"files":[{"path":"a","content_base64":"`, () => "AAAA", '"}]}'],
  [`{${RUN},"files":[0`, () => ",{}", "]}"],
  [`{${RUN},"outputs":["a"`, () => ',"../"', "]}"],
  [`{${RUN},"outputs":["`, () => "a/", '"]}'],
  [`{${RUN},"envs":{"A":""`, (index) => `,"A${index}":0`, "}}"],
  [`{${RUN},"envs":{"A":"`, () => "\\u0000", '"}}'],
  [`{${PATH},"code":"`, () => "😀", '"}'],
  [`{${PATH}`, (index) => `,"k${index}":0`, "}"],
  [`{${PATH}`, () => ',"path_id":"p"', "}"],
  ['{"path_id":"p","conversation_id":"', () => "\\ud800", '"}'],
  ['{"path_id":"p","conversation_id":', () => "[", ""],
  [`{${PATH},"ttl_seconds":`, () => "9", "}"],
  ["", () => " ", "{}"],
];

const made = new Map<number, Uint8Array<ArrayBuffer>>();

/** A body of so many bytes, or a few less. A shape is made once: it costs more than to serve it. */
export function maximalBody(random: Random, bytes: number): Uint8Array<ArrayBuffer> {
  const index = oneOf(random, [...SHAPES.keys()]);
  const known = made.get(index);
  if (known?.length === bytes) return known;
  const [before, piece, after] = SHAPES[index];
  const encoder = new TextEncoder();
  const body = new Uint8Array(bytes).fill(0x20);
  const end = encoder.encode(after);
  let at = encoder.encodeInto(before, body).written;
  // In blocks: to encode each piece by itself takes seconds.
  for (let next = 0;;) {
    let block = "";
    for (const until = next + 1024; next < until; next++) block += piece(next);
    if (at + encoder.encode(block).length + end.length > bytes) break;
    at += encoder.encodeInto(block, body.subarray(at)).written;
  }
  body.set(end, at);
  made.set(index, body);
  return body;
}
