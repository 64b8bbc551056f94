/** What requests to Auth hold. */

import { z } from "zod";
import { AuthError } from "./error.ts";

/** Text that Postgres can hold. */
export const Text = z.string().refine(isText, "must be text without NUL characters and lone surrogates");

export const Metadata = z.record(z.string(), z.unknown()).refine(
  (value) => isText(JSON.stringify(value)),
  "must be text without NUL characters and lone surrogates",
);

/** Addresses are the same in upper and lower case, and are kept in lower case. */
export const Email = z.string().trim().pipe(
  z.email("Unable to validate email address: invalid format").max(255).toLowerCase(),
);

/**
 * @throws {AuthError} `bad_json` when the body is none, `validation_failed` naming the field when it is not the schema's
 */
export async function readBody<T>(request: Request, schema: z.ZodType<T>): Promise<T> {
  const text = await request.text();
  try {
    return parse(schema, text === "" ? {} : JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) throw new AuthError(400, "bad_json", "Could not parse request body as JSON");
    throw error;
  }
}

/** @throws {AuthError} `validation_failed` naming the field */
export function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new AuthError(400, "validation_failed", z.prettifyError(parsed.error));
  return parsed.data;
}

function isText(text: string): boolean {
  return !text.includes("\0") && !/\\u(0000|d[89a-f])/i.test(text) && text.isWellFormed();
}
