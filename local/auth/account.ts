/** What signed-in users do with their own account: `/user` and `/logout`. */

import { z } from "zod";
import type { Tokens } from "../tokens.ts";
import { Email, Metadata, parse, readBody } from "./body.ts";
import { AuthError } from "./error.ts";
import { isPassword } from "./password.ts";
import type { Sessions } from "./sessions.ts";
import { noPhone } from "./unsupported.ts";
import { userBody } from "./user_body.ts";
import type { User, Users } from "./users.ts";

/** What an account needs. */
export interface AccountParts {
  readonly tokens: Tokens;
  readonly users: Users;
  readonly sessions: Sessions;
}

const Change = z.object({
  email: Email.optional(),
  password: z.string().optional(),
  phone: z.string().optional(),
  data: Metadata.optional(),
});
const Scope = z.enum(["global", "local", "others"]).default("global");
const SessionId = z.uuid();

export async function showUser(request: Request, parts: AccountParts): Promise<Response> {
  return Response.json(userBody((await signedIn(request, parts)).user));
}

/**
 * Changes the user's e-mail address, password or metadata, at once: Supabase Auth has a new address of a user who is
 * not anonymous confirmed by e-mail first. A new password ends the user's other sessions.
 */
export async function changeUser(request: Request, parts: AccountParts): Promise<Response> {
  const { user, sessionId } = await signedIn(request, parts);
  const { email, password, phone, data } = await readBody(request, Change);
  if (phone !== undefined) throw noPhone();
  if (password !== undefined) {
    if (user.is_anonymous && email === undefined) {
      throw new AuthError(
        422,
        "validation_failed",
        "Updating password of an anonymous user without an email or phone is not allowed",
      );
    }
    if (await isPassword(password, user.encrypted_password)) {
      throw new AuthError(422, "same_password", "New password should be different from the old password.");
    }
  }
  const isConfirmed = email !== undefined;
  const changed = await parts.users.change(user.id, { email, password, isConfirmed, userMetadata: data });
  if (password !== undefined) await parts.sessions.close(sessionId, user.id, "others");
  return Response.json(userBody(changed));
}

export async function logOut(request: Request, parts: AccountParts): Promise<Response> {
  const { user, sessionId } = await signedIn(request, parts);
  const scope = parse(Scope, new URL(request.url).searchParams.get("scope") ?? undefined);
  await parts.sessions.close(sessionId, user.id, scope);
  return new Response(null, { status: 204 });
}

/** @throws {AuthError} `bad_jwt`, `session_not_found` when it has ended, `user_not_found` when the user is no more */
async function signedIn(
  request: Request,
  { tokens, users, sessions }: AccountParts,
): Promise<{ readonly user: User; readonly sessionId: string }> {
  const bearer = /^Bearer\s+(.+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  const claims = bearer === undefined ? null : await tokens.verify(bearer);
  if (claims === null) throw new AuthError(403, "bad_jwt", "invalid JWT: unable to parse or verify signature");
  const sessionId = SessionId.safeParse(claims.session_id).data;
  const owner = sessionId === undefined ? undefined : await sessions.owner(sessionId);
  if (sessionId === undefined || owner === undefined) {
    throw new AuthError(403, "session_not_found", "Session from session_id claim in JWT does not exist");
  }
  const user = await users.find(owner);
  if (user === undefined) throw new AuthError(403, "user_not_found", "User from sub claim in JWT does not exist");
  return { user, sessionId };
}
