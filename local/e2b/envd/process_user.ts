import { HOME } from "../machine/file_path.ts";
import type { User } from "../machine/machine.ts";
import { ConnectError } from "./connect_error.ts";

export interface ProcessUser {
  readonly name: User;
  readonly home: string;
}

const USERS: ReadonlyMap<string, ProcessUser> = new Map<string, ProcessUser>([
  ["user", { name: "user", home: HOME }],
  ["root", { name: "root", home: "/root" }],
]);

const DEFAULT_NAME = "user";

/**
 * Whom a program is to run as: the name in the request's basic authorization, whose password counts for nothing.
 * @throws {ConnectError} `unauthenticated` when there is no such user
 */
export function userOf(request: Request): ProcessUser {
  const name = basicName(request.headers.get("authorization")) ?? DEFAULT_NAME;
  const user = USERS.get(name);
  if (user === undefined) throw new ConnectError("unauthenticated", `invalid username: '${name}'`);
  return user;
}

function basicName(authorization: string | null): string | null {
  const credentials = /^Basic +(\S+)$/i.exec(authorization ?? "")?.[1];
  if (credentials === undefined) return null;
  try {
    return /^[^:]*/.exec(new TextDecoder().decode(Uint8Array.fromBase64(credentials)))?.[0] ?? null;
  } catch {
    throw new ConnectError("unauthenticated", "the authorization is not Base64");
  }
}
