import { z } from "zod";

/** Thrown by handlers; becomes the JSON error that E2B's API answers with. */
export class HttpError extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }

  toResponse(): Response {
    return Response.json(
      { code: this.status, message: this.message },
      { status: this.status },
    );
  }
}

/** Reads a JSON body of at most `limit` bytes; an empty one counts as `{}`. */
export async function readBody<T>(
  request: Request,
  schema: z.ZodType<T>,
  limit: number,
): Promise<T> {
  const text = new TextDecoder().decode(await readBytes(request.body, limit, 400));
  let body: unknown;
  try {
    body = text.trim() === "" ? {} : JSON.parse(text);
  } catch {
    throw new HttpError(400, "body is not valid JSON");
  }
  return check(body, schema);
}

/** Reads all of a body, or answers `status` when it is longer than `limit` bytes. */
export async function readBytes(
  body: ReadableStream<Uint8Array<ArrayBuffer>> | null,
  limit: number,
  status: 400 | 507,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  try {
    for await (const part of body ?? []) {
      size += part.length;
      if (size > limit) throw new HttpError(status, `body exceeds ${limit} bytes`);
      parts.push(part);
    }
  } catch (error) {
    throw error instanceof HttpError ? error : new HttpError(400, `body cannot be read: ${error}`);
  }
  return await new Blob(parts).bytes();
}

/** Parses what a client sent, or answers 400 with the first problem. */
export function check<T>(value: unknown, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new HttpError(400, z.prettifyError(parsed.error));
  return parsed.data;
}
