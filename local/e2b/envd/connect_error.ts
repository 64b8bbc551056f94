import { HttpError } from "../http.ts";
import { FileError } from "../machine/files.ts";

/** The HTTP status of each of the Connect protocol's codes, where a call is answered without a stream. */
const STATUS = {
  canceled: 499,
  unknown: 500,
  invalid_argument: 400,
  deadline_exceeded: 504,
  not_found: 404,
  already_exists: 409,
  permission_denied: 403,
  resource_exhausted: 429,
  failed_precondition: 400,
  aborted: 409,
  out_of_range: 400,
  unimplemented: 501,
  internal: 500,
  unavailable: 503,
  data_loss: 500,
  unauthenticated: 401,
} as const;

export type ConnectCode = keyof typeof STATUS;

/** Why an RPC of envd failed, in the form that the Connect protocol has for it. */
export class ConnectError extends Error {
  constructor(readonly code: ConnectCode, message: string) {
    super(message);
  }

  toJSON(): { code: ConnectCode; message: string } {
    return { code: this.code, message: this.message };
  }

  /** The answer to a call without a stream. */
  toResponse(): Response {
    return Response.json(this, { status: STATUS[this.code] });
  }
}

/** Whatever an RPC's handler threw. */
export function connectErrorOf(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  if (error instanceof FileError) return new ConnectError(OF_FILES[error.reason], error.message);
  if (error instanceof HttpError) return new ConnectError(OF_STATUS.get(error.status) ?? "unknown", error.message);
  return new ConnectError("internal", String(error));
}

const OF_FILES = {
  missing: "not_found",
  exists: "already_exists",
  isDirectory: "invalid_argument",
  notDirectory: "invalid_argument",
  forbidden: "permission_denied",
  noSpace: "resource_exhausted",
} as const satisfies Record<FileError["reason"], ConnectCode>;

const OF_STATUS: ReadonlyMap<number, ConnectCode> = new Map<number, ConnectCode>([
  [400, "invalid_argument"],
  [401, "unauthenticated"],
  [403, "permission_denied"],
  [404, "not_found"],
  [409, "already_exists"],
  [500, "internal"],
  [501, "unimplemented"],
  [503, "unavailable"],
  [507, "resource_exhausted"],
]);
