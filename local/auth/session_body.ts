/** A session as Supabase Auth shows it, with an access token. */

import type { JWTPayload } from "jose";
import { TOKEN_SECONDS, type Tokens } from "../tokens.ts";
import type { Session } from "./sessions.ts";
import { type UserBody, userBody } from "./user_body.ts";
import type { User } from "./users.ts";

/** The body of a sign-in. */
export interface SessionBody {
  readonly access_token: string;
  readonly token_type: "bearer";
  /** Seconds from now. */
  readonly expires_in: number;
  /** Seconds since 1970. */
  readonly expires_at: number;
  readonly refresh_token: string;
  readonly user: UserBody;
}

/** Signs an access token: what `claims` leaves out is that of an anonymous user whom Auth does not know. */
export function signAccessToken(tokens: Tokens, issuer: string, claims: JWTPayload): Promise<string> {
  return tokens.sign({
    iss: issuer,
    sub: crypto.randomUUID(),
    aud: "authenticated",
    role: "authenticated",
    aal: "aal1",
    session_id: crypto.randomUUID(),
    email: "",
    phone: "",
    is_anonymous: true,
    app_metadata: {},
    user_metadata: {},
    ...claims,
  });
}

/** @param issuer what the token says in `iss` */
export async function sessionBody(tokens: Tokens, issuer: string, user: User, session: Session): Promise<SessionBody> {
  const expiresAt = Math.floor(Date.now() / 1000) + TOKEN_SECONDS;
  const body = userBody(user);
  return {
    access_token: await signAccessToken(tokens, issuer, {
      sub: user.id,
      exp: expiresAt,
      session_id: session.id,
      email: body.email,
      is_anonymous: body.is_anonymous,
      app_metadata: body.app_metadata,
      user_metadata: body.user_metadata,
    }),
    token_type: "bearer",
    expires_in: TOKEN_SECONDS,
    expires_at: expiresAt,
    refresh_token: session.refreshToken,
    user: body,
  };
}
