/** Errors as Supabase Auth answers them. */

/** The response format that supabase-js asks for; without it, errors have the older shape. */
const API_VERSION = "2024-01-01";

/** Its `code` is one of Supabase Auth's: https://supabase.com/docs/guides/auth/debugging/error-codes */
export class AuthError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** More fields of the body. */
    readonly more: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }
}

/** @param version what the request says in `x-supabase-api-version` */
export function errorResponse({ status, code, message, more }: AuthError, version: string | null): Response {
  if (version === null || version < API_VERSION) {
    return Response.json({ code: status, error_code: code, msg: message, ...more }, { status });
  }
  return Response.json({ code, message, ...more }, { status, headers: { "x-supabase-api-version": API_VERSION } });
}
