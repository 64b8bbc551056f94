/** The frames of Connect's streaming RPCs: a byte of flags, four of length (big-endian), then JSON. */

import type { z } from "zod";
import { HttpError, readBytes } from "../http.ts";
import { ConnectError, connectErrorOf } from "./connect_error.ts";

const CONTENT_TYPE = "application/connect+json";
const HEAD_BYTES = 5;
const COMPRESSED = 1;
const END = 2;

/** Whether the client expects a stream of frames as the answer. */
export function isStreaming(request: Request): boolean {
  return request.headers.get("content-type")?.startsWith("application/connect+") ?? false;
}

/**
 * Reads the one message that a client sends to a method that answers with a stream.
 * @throws {ConnectError} when the body is no such message, or longer than `limit` bytes
 */
export async function readMessage<T>(request: Request, schema: z.ZodType<T>, limit: number): Promise<T> {
  if (!request.headers.get("content-type")?.startsWith(CONTENT_TYPE)) {
    throw new ConnectError("unimplemented", `only ${CONTENT_TYPE} is spoken here`);
  }
  const body = await readBytes(request.body, limit, 400).catch((error) => {
    throw error instanceof HttpError ? new ConnectError("invalid_argument", error.message) : error;
  });
  const parsed = schema.safeParse(unframed(body));
  if (!parsed.success) throw new ConnectError("invalid_argument", parsed.error.message);
  return parsed.data;
}

/**
 * Answers with the messages of `source`, in JSON, and an end frame that says whether it ended well: whatever the source
 * throws is told there. Nothing is read ahead of the client.
 *
 * `source` is given a signal that aborts when nobody listens any more. The end of the sandbox, or its pause, breaks the
 * stream, because one with an end would pass for a program or a watcher that ended by itself.
 */
export function streamResponse(
  source: (signal: AbortSignal) => AsyncIterable<unknown>,
  connections: AbortSignal,
): Response {
  const listening = new AbortController();
  const messages = source(listening.signal)[Symbol.asyncIterator]();
  let isOpen = true;
  let breakOff: () => void;
  const leave = () => {
    isOpen = false;
    connections.removeEventListener("abort", breakOff);
    listening.abort();
    // A source that stands at a message gets no further without it; who would hear of a failure has left.
    messages.return?.().catch(() => {});
  };
  return new Response(
    new ReadableStream<Uint8Array<ArrayBuffer>>({
      start(controller) {
        breakOff = () => {
          leave();
          // Deno prints the reason, with a stack if it has one.
          controller.error("a sandbox ended or was paused while it was listened to");
        };
        connections.addEventListener("abort", breakOff);
        if (connections.aborted) breakOff();
      },
      async pull(controller) {
        const { done, frame } = await nextFrame(messages);
        if (!isOpen) return;
        controller.enqueue(frame);
        if (!done) return;
        leave();
        controller.close();
      },
      cancel: leave,
    }),
    { headers: { "Content-Type": CONTENT_TYPE } },
  );
}

/** Answers with an error alone, in the form in which a streaming client reads its words. */
export function refuseStream(error: ConnectError): Response {
  return new Response(framed(END, { error }), { headers: { "Content-Type": CONTENT_TYPE } });
}

async function nextFrame(
  messages: AsyncIterator<unknown>,
): Promise<{ done: boolean; frame: Uint8Array<ArrayBuffer> }> {
  try {
    const { done = false, value } = await messages.next();
    return { done, frame: done ? framed(END, {}) : framed(0, value) };
  } catch (error) {
    return { done: true, frame: framed(END, { error: connectErrorOf(error) }) };
  }
}

function framed(flags: number, message: unknown): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(JSON.stringify(message));
  const frame = new Uint8Array(HEAD_BYTES + json.length);
  frame[0] = flags;
  new DataView(frame.buffer).setUint32(1, json.length);
  frame.set(json, HEAD_BYTES);
  return frame;
}

function unframed(body: Uint8Array<ArrayBuffer>): unknown {
  if (body.length < HEAD_BYTES) throw new ConnectError("invalid_argument", "the body has no message");
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  if (view.getUint8(0) & COMPRESSED) throw new ConnectError("unimplemented", "a compressed message is not read here");
  if (view.getUint32(1) !== body.length - HEAD_BYTES) {
    throw new ConnectError("invalid_argument", "the body is not exactly one message");
  }
  try {
    return JSON.parse(new TextDecoder().decode(body.subarray(HEAD_BYTES)));
  } catch {
    throw new ConnectError("invalid_argument", "the message is not valid JSON");
  }
}
