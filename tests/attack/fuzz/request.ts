/** One request of the fuzzer: what goes over the wire, byte by byte, and what it must not lead to. */

export interface FuzzRequest {
  readonly kind: string;
  /** The gateway, as callers reach the functions, or a function's process past it. */
  readonly to: "gateway" | "process";
  readonly method: string;
  /** As it stands in the request's line. */
  readonly target: string;
  readonly headers: readonly Header[];
  readonly body: Uint8Array<ArrayBuffer>;
  /** What the caller does once the body is sent: reads the answer, says that nothing more comes, or goes. */
  readonly then: "read" | "close" | "leave";
  /** Whether whoever serves it is to refuse it: an answer of 2xx is a hole. */
  readonly refused: boolean;
  /** Whether it may stay without an answer, because no server can know where it ends. */
  readonly silence: boolean;
}

export type Header = readonly [name: string, value: string];

/** How much of a request a failure prints, in characters. */
const SHOWN = 600;

/** The request in one line. Bytes that are not printable are escaped, so that nothing is lost but what is cut off. */
export function shown({ kind, to, method, target, headers, body, then }: FuzzRequest): string {
  const head = headers.map(([name, value]) => `${name}: ${short(value, 90)}`).join(" | ");
  const start = new TextDecoder("latin1").decode(body.subarray(0, SHOWN));
  const text = `[${kind}] to the ${to}, then ${then}: ${method} ${
    short(target, 200)
  } | ${head} | ${body.length} bytes `;
  return text + short(JSON.stringify(start), SHOWN);
}

function short(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most)}… (${text.length})`;
}
