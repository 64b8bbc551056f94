/** One request to one of the functions, by supabase-js. */
import type { ErrorBody } from "./contract.ts";
import { ExecutionContextsError } from "./error.ts";

/** What is used of a client of supabase-js. */
export interface Supabase {
  readonly functions: {
    invoke(
      name: string,
      options: { body: Record<string, unknown>; headers?: Record<string, string>; signal?: AbortSignal },
    ): Promise<{ data: unknown; error: unknown }>;
  };
}

/** What a client's calls have in common. */
export interface Settings {
  readonly supabase: Supabase;
  readonly retrySeconds: number;
}

/**
 * @returns what the function answered; of a stream, the response
 * @throws {ExecutionContextsError} when the answer is an error, or there is none
 * @throws the signal's reason when that is aborted
 */
export async function send(
  { functions }: Supabase,
  name: string,
  body: Record<string, unknown>,
  { signal, accept }: { signal?: AbortSignal; accept?: string } = {},
): Promise<unknown> {
  const headers: Record<string, string> = accept === undefined ? {} : { Accept: accept };
  const { data, error } = await functions.invoke(name, { body, headers, signal });
  // Of a stream that nobody will read.
  if (signal?.aborted && isResponse(data)) data.body?.cancel().catch(() => {});
  signal?.throwIfAborted();
  if (!error) return data;
  const response = error instanceof Error && "context" in error ? error.context : undefined;
  if (!isResponse(response)) throw networkError(error);
  const told: unknown = await response.json().catch(() => undefined);
  signal?.throwIfAborted();
  throw errorOf(told instanceof Object ? told : {}, response);
}

/** Also one of a `fetch` that somebody has brought, whose class is another one. */
export function isResponse(value: unknown): value is Response {
  return value instanceof Object && "status" in value && "headers" in value && "body" in value;
}

/** An error that the functions told, in an answer or at the end of a stream. */
export function errorOf(body: Partial<ErrorBody>, response: Response): ExecutionContextsError {
  const code = body.code ?? response.headers.get("sb-error-code") ?? `http_${response.status}`;
  return new ExecutionContextsError({ message: `The function answered ${response.status}.`, ...body, code }, response);
}

/** There was no answer, or it broke off. */
export function networkError(cause: unknown): ExecutionContextsError {
  return new ExecutionContextsError(
    { message: "The function could not be reached, or the connection broke." },
    undefined,
    cause,
  );
}
