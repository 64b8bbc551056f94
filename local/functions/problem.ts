/** The errors that the platform answers in the place of a function. */

/**
 * By the code in the body. The header `sb-error-code` has another one where the platform's documentation has. Bodies as
 * the Supabase CLI's main worker writes them.
 */
const PROBLEMS = {
  NOT_FOUND: { status: 404, message: "Requested function was not found" },
  WORKER_ERROR: { status: 500, message: "Function exited due to an error (please check logs)" },
  BOOT_ERROR: { status: 503, message: "Worker failed to boot (please check logs)" },
  IDLE_TIMEOUT: { status: 504, message: "The function did not begin to answer in time" },
  WORKER_LIMIT: {
    status: 546,
    message: "Worker failed to respond due to a resource limit (please check logs)",
    header: "WORKER_RESOURCE_LIMIT",
  },
} as const satisfies Record<string, { status: number; message: string; header?: string }>;

export type Problem = keyof typeof PROBLEMS;

/** @param message in the place of the platform's */
export function problem(code: Problem, message?: string): Response {
  const known: { status: number; message: string; header?: string } = PROBLEMS[code];
  return Response.json({ code, message: message ?? known.message }, {
    status: known.status,
    headers: { "sb-error-code": known.header ?? code, "access-control-allow-origin": "*" },
  });
}
