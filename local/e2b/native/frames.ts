/** What the server and the first process of a sandbox say to each other: `python/agent/frames.py` is the other end. */

const HEAD_BYTES = 9;
/** The agent sends no more at once. */
const MAX_PAYLOAD_BYTES = 64 * 1024 * 1024;

export const TO_AGENT = { call: 0, input: 1 } as const;
export const FROM_AGENT = { answer: 0, out: 1, err: 2, event: 3 } as const;

export interface Frame {
  readonly kind: number;
  /** Of the call that it belongs to. */
  readonly number: number;
  readonly payload: Uint8Array<ArrayBuffer>;
}

export function frame(kind: number, number: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEAD_BYTES + payload.length);
  const head = new DataView(bytes.buffer);
  head.setUint8(0, kind);
  head.setUint32(1, number);
  head.setUint32(5, payload.length);
  bytes.set(payload, HEAD_BYTES);
  return bytes;
}

/** Ends when the stream does. @throws {Error} when what comes is no frame */
export async function* frames(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<Frame> {
  let chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  let needed = HEAD_BYTES;
  for await (const chunk of stream) {
    chunks.push(chunk);
    size += chunk.length;
    if (size < needed) continue;
    const bytes = await new Blob(chunks).bytes();
    const head = new DataView(bytes.buffer);
    let start = 0;
    needed = HEAD_BYTES;
    while (bytes.length - start >= HEAD_BYTES) {
      const length = head.getUint32(start + 5);
      if (length > MAX_PAYLOAD_BYTES) throw new Error("a frame is too long");
      needed = HEAD_BYTES + length;
      if (bytes.length - start < needed) break;
      const payload = bytes.slice(start + HEAD_BYTES, start + needed);
      yield { kind: bytes[start] ?? 0, number: head.getUint32(start + 1), payload };
      start += needed;
      needed = HEAD_BYTES;
    }
    const rest = bytes.subarray(start);
    chunks = [rest];
    size = rest.length;
  }
}
