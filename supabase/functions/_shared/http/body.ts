/** The request's body: JSON of the endpoint's shape, and no more of it than we are willing to hold. */
import type { z } from "zod";
import { ContextError } from "../errors.ts";

/** Largest body, in bytes: the largest program, as JSON may escape it, its environment and its files in base64. */
const BODY_BYTES = 8 * 1024 * 1024;

/**
 * Reads and checks the body.
 *
 * @throws ContextError `payload_too_large`, or `invalid_request` naming the first field at fault.
 */
export async function readBody<Body>(request: Request, schema: z.ZodType<Body>): Promise<Body> {
  const text = await readText(request);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The parser's own words quote the body, which must not reach the log.
    throw new ContextError("invalid_request", "The body is not JSON.");
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue.code === "unrecognized_keys" ? issue.keys[0] : issue.path.join(".");
  const message = issue.code === "unrecognized_keys" ? "is not a field of this request" : issue.message;
  throw new ContextError("invalid_request", `${field || "The body"}: ${message}`, { field: field || undefined });
}

async function readText(request: Request): Promise<string> {
  // Told before a byte is read where the caller says its size, and counted where it does not or lies.
  if (Number(request.headers.get("content-length")) > BODY_BYTES) {
    throw tooLarge();
  }
  if (!request.body) return "";
  const decoder = new TextDecoder();
  let size = 0;
  let text = "";
  for await (const chunk of request.body) {
    size += chunk.byteLength;
    if (size > BODY_BYTES) throw tooLarge();
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function tooLarge(): ContextError {
  return new ContextError("payload_too_large", `The body is over ${BODY_BYTES} bytes.`);
}
