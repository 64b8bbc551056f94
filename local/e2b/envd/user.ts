import { HOME } from "../machine/file_path.ts";
import type { UserName } from "../machine/machine.ts";
import { ConnectError } from "./connect_error.ts";

/** Who a client acts as in a sandbox. */
export interface User {
  readonly name: UserName;
  /** Where relative paths begin. */
  readonly home: string;
}

const USERS: readonly User[] = [{ name: "user", home: HOME }, { name: "root", home: "/root" }];

/** A user of E2B's templates; without a name, the one that is meant by default. */
export function userNamed(name: string | null): User | undefined {
  return USERS.find((user) => user.name === (name || "user"));
}

/** The name that an RPC's client gives by HTTP's Basic scheme; `null` without one. */
export function basicUserName(request: Request): string | null {
  const [, encoded] = /^Basic\s+([A-Za-z0-9+/=]+)$/i.exec(request.headers.get("authorization") ?? "") ?? [];
  if (encoded === undefined) return null;
  try {
    return new TextDecoder().decode(Uint8Array.fromBase64(encoded)).split(":", 1)[0] ?? null;
  } catch {
    return null;
  }
}

/** @throws {ConnectError} `unauthenticated` when an RPC's client names a user that there is not */
export function callerOf(request: Request): User {
  const name = basicUserName(request);
  const user = userNamed(name);
  if (user === undefined) throw new ConnectError("unauthenticated", `invalid username: '${name}'`);
  return user;
}
