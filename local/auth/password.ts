/** Passwords: how they are kept, and which are too weak to be taken. */

import { Buffer } from "node:buffer";
import { randomBytes, scrypt, type ScryptOptions, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { AuthError } from "./error.ts";

/** The Supabase CLI's default `minimum_password_length`. */
const MINIMUM_LENGTH = 6;
/** What Supabase Auth takes at most: bcrypt sees no more. */
const MAXIMUM_BYTES = 72;
/** Takes about 50 ms and 16 MiB: the default of `node:crypto`. */
const COST = { N: 16384, r: 8, p: 1 };
const SCHEME = `scrypt-${COST.N}-${COST.r}-${COST.p}`;
const KEY_BYTES = 32;

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

/** @throws {AuthError} `weak_password`, or `validation_failed` when it is too long */
export function assertStrong(password: string): void {
  if (password.length < MINIMUM_LENGTH) {
    throw new AuthError(422, "weak_password", `Password should be at least ${MINIMUM_LENGTH} characters.`, {
      weak_password: { reasons: ["length"] },
    });
  }
  if (new TextEncoder().encode(password).length > MAXIMUM_BYTES) {
    throw new AuthError(400, "validation_failed", `Password cannot be longer than ${MAXIMUM_BYTES} bytes`);
  }
}

/** What `auth.users.encrypted_password` holds: the scheme, the salt and the key. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(password, salt, KEY_BYTES, COST);
  return [SCHEME, salt.toString("base64url"), key.toString("base64url")].join("$");
}

/** Whether it is the password of the hash; of none, and of one that something else wrote, it is not. */
export async function isPassword(password: string, hash: string | null): Promise<boolean> {
  const [scheme, salt = "", key = ""] = hash?.split("$") ?? [];
  if (scheme !== SCHEME) return false;
  const derived = await derive(password, Buffer.from(salt, "base64url"), KEY_BYTES, COST);
  const expected = Buffer.from(key, "base64url");
  return expected.length === derived.length && timingSafeEqual(derived, expected);
}
