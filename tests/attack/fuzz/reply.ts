/** An answer, read from the bytes that came. */

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** The first answer that is not only a word on the way; null when none came whole as far as its headers. */
export function readReply(bytes: Uint8Array): Reply | null {
  const latin1 = new TextDecoder("latin1");
  let rest = bytes;
  for (;;) {
    const text = latin1.decode(rest);
    const end = text.indexOf("\r\n\r\n");
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1]);
    if (end < 0 || Number.isNaN(status)) return null;
    rest = rest.subarray(end + 4);
    if (status < 200) continue;
    const headers = new Headers();
    for (const line of text.slice(0, end).split("\r\n").slice(1)) {
      const colon = line.indexOf(":");
      headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
    }
    const length = Number(headers.get("content-length") ?? Infinity);
    const body = headers.get("transfer-encoding") === "chunked" ? unchunked(rest) : rest.subarray(0, length);
    return { status, headers, body: new TextDecoder().decode(body) };
  }
}

function unchunked(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(bytes.length);
  let written = 0;
  for (let at = 0; at < bytes.length;) {
    const lineEnd = bytes.indexOf(0x0a, at);
    const size = parseInt(new TextDecoder("latin1").decode(bytes.subarray(at, lineEnd)), 16);
    if (lineEnd < 0 || !(size > 0)) break;
    const piece = bytes.subarray(lineEnd + 1, lineEnd + 1 + size);
    whole.set(piece, written);
    written += piece.length;
    at = lineEnd + 1 + size + 2;
  }
  return whole.subarray(0, written);
}
