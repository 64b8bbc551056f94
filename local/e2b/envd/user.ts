import { HOME } from "../machine/file_path.ts";

/** Who a client acts as in a sandbox. */
export interface User {
  readonly name: string;
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
