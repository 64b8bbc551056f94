/** The request's body: JSON of the endpoint's shape, and no more of it than we are willing to hold. */
import type * as z from "zod/mini";
import { ContextError } from "../errors.ts";
import { countValues } from "../json_values.ts";
import { Arrival, othersAreLarge, SMALL_BYTES } from "../memory.ts";
import "../messages.ts";

/** Largest body, in bytes: the largest program, as JSON may escape it, its environment and its files in base64. */
const BODY_BYTES = 8 * 1024 * 1024;
/** Most values in a body: a few times as many as there are in the largest request. It bounds how deep they are, too. */
const VALUES = 1000;
/** Longest quote of a request in an error, in characters. */
const QUOTE_CHARACTERS = 100;
/** How much is set aside for a body at first, in bytes: what a caller says of its length costs nothing to say. */
const FIRST_BYTES = 16 * 1024;
/** How long a body may take to come, in milliseconds: meanwhile it holds what others could have. */
const BODY_MILLISECONDS = 30_000;
/** How much of a body that is refused is read and thrown away, in bytes, and for how long, in milliseconds. */
const REST_BYTES = BODY_BYTES;
const REST_MILLISECONDS = 5_000;

declare global {
  /** The platform has it, and TypeScript knows it, from 5.7 on: the platform's is older. */
  interface ArrayBuffer {
    transfer(length?: number): ArrayBuffer;
  }
}

/**
 * Reads and checks the body.
 *
 * @throws ContextError `payload_too_large`, or `invalid_request` naming the first field at fault; `cancelled` when the
 * caller has gone before its end, or takes too long to send it; `context_busy` when there is no room for it beside
 * others. What it takes is `arrival`'s.
 */
export async function readBody<Body>(
  request: Request,
  schema: z.ZodMiniType<Body>,
  arrival: Arrival,
): Promise<Body> {
  return checked(schema, parse(await readBytes(request, arrival)));
}

/**
 * A request of the shape that it must have.
 *
 * @throws ContextError `invalid_request` naming the first field at fault
 */
export function checked<Request>(schema: z.ZodMiniType<Request>, request: unknown): Request {
  const parsed = schema.safeParse(request);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = quote(issue.code === "unrecognized_keys" ? issue.keys[0] : issue.path.join("."));
  throw new ContextError("invalid_request", `${field || "The body"}: ${issue.message}`, { field: field || undefined });
}

function parse(bytes: Uint8Array): unknown {
  try {
    // Two ids whose bytes are no text must not become the same one.
    const json = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    // Free at once, and not when it is collected.
    if (bytes.buffer instanceof ArrayBuffer) bytes.buffer.transfer(0);
    if (countValues(json, VALUES) > VALUES) {
      throw new ContextError("invalid_request", `The body: must have at most ${VALUES} values.`);
    }
    return JSON.parse(json);
  } catch (thrown) {
    if (thrown instanceof ContextError) throw thrown;
    // The parser's own words quote the body, which must not reach the log.
    throw new ContextError("invalid_request", "The body is not JSON.");
  }
}

/** A caller's text as errors may hold it: part of a line, and nothing in it that a terminal or a log takes for more. */
function quote(text: string): string {
  const plain = text.slice(0, QUOTE_CHARACTERS).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\ufffd").toWellFormed();
  return text.length > QUOTE_CHARACTERS ? `${plain}…` : plain;
}

async function readBytes(request: Request, arrival: Arrival): Promise<Uint8Array> {
  if (!request.body) return new Uint8Array();
  const reader = request.body.getReader();
  let isLate = false;
  const stop = () => void reader.cancel().catch(() => {});
  const timer = setTimeout(() => {
    isLate = true;
    stop();
  }, BODY_MILLISECONDS);
  arrival.refused.addEventListener("abort", stop);
  try {
    // Told before a byte is read where the caller says its size, and counted where it does not or lies.
    if (Number(request.headers.get("content-length")) > BODY_BYTES) throw tooLarge();
    let buffer = new ArrayBuffer(FIRST_BYTES);
    let bytes = new Uint8Array(buffer);
    let size = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const end = size + value.length;
      if (end > BODY_BYTES) throw tooLarge();
      // Into one piece as they come: a body in chunks of a byte each is no list of millions.
      if (end > bytes.length) {
        const length = Math.min(BODY_BYTES, Math.max(end, 2 * bytes.length));
        const more = length > SMALL_BYTES ? length - (bytes.length > SMALL_BYTES ? bytes.length : 0) : 0;
        if (!arrival.hold(more)) throw othersAreLarge();
        buffer = buffer.transfer(length);
        bytes = new Uint8Array(buffer);
      }
      bytes.set(value, size);
      size = end;
    }
    if (arrival.refused.aborted) throw othersAreLarge();
    if (isLate) throw new ContextError("cancelled", "The body took too long to come.");
    arrival.settle();
    return bytes.subarray(0, size);
  } catch (thrown) {
    if (thrown instanceof ContextError) {
      // Others may have what it took, meanwhile.
      arrival.release();
      await throwAway(reader);
      throw thrown;
    }
    // What is still to come must not stand before the connection's next request.
    stop();
    throw new ContextError("cancelled", "The caller went away within its body.", { cause: thrown });
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Reads the rest of a body that is refused, as long as it is no flood. Where the answer comes before that, the platform
 * resets the connection, and the caller is told nothing (measured on Deno 2.1.4, which it embeds, behind a proxy).
 */
async function throwAway(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  const stop = () => void reader.cancel().catch(() => {});
  const timer = setTimeout(stop, REST_MILLISECONDS);
  let left = REST_BYTES;
  try {
    while (left > 0) {
      const { done, value } = await reader.read();
      if (done) return;
      left -= value.length;
    }
    stop();
  } catch {
    // The caller has gone, and reads no answer either.
  } finally {
    clearTimeout(timer);
  }
}

function tooLarge(): ContextError {
  return new ContextError("payload_too_large", `The body is over ${BODY_BYTES} bytes.`);
}
