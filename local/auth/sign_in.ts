/** Signing up and signing in: `POST /signup` and `POST /token`. */

import postgres from "postgres";
import { z } from "zod";
import { Email, Metadata, parse, readBody, Text } from "./body.ts";
import { AuthError } from "./error.ts";
import { isPassword } from "./password.ts";
import type { SessionBody } from "./session_body.ts";
import type { Session, Sessions } from "./sessions.ts";
import { noPhone, unsupported } from "./unsupported.ts";
import type { User, Users } from "./users.ts";

/** What signing in needs. */
export interface SignInParts {
  readonly users: Users;
  readonly sessions: Sessions;
  readonly sessionBody: (user: User, session: Session) => Promise<SessionBody>;
}

const SignUp = z.object({
  email: Email.optional(),
  password: z.string().optional(),
  phone: z.string().optional(),
  data: Metadata.nullish(),
});
const PasswordGrant = z.object({
  email: Email.optional(),
  phone: z.string().optional(),
  password: z.string().default(""),
});
const RefreshGrant = z.object({ refresh_token: Text });

const invalidCredentials = () => new AuthError(400, "invalid_credentials", "Invalid login credentials");

/** A user with an e-mail address and a password, confirmed at once, or an anonymous one; signed in. */
export async function signUp(request: Request, parts: SignInParts): Promise<Response> {
  const { users } = parts;
  const { email, password, phone, data } = await readBody(request, SignUp);
  if (phone !== undefined) throw noPhone();
  const userMetadata = data ?? {};
  if (email === undefined) {
    if (password !== undefined) throw new AuthError(400, "validation_failed", "email: a password needs one");
    return Response.json(await signIn(await users.add({ userMetadata }), parts));
  }
  if (password === undefined || password === "") {
    throw new AuthError(400, "validation_failed", "Signup requires a valid password");
  }
  try {
    const user = await users.add({ email, password, isConfirmed: true, userMetadata });
    return Response.json(await signIn(user, parts));
  } catch (error) {
    if (!(error instanceof AuthError && error.code === "email_exists")) throw error;
    throw new AuthError(422, "user_already_exists", "User already registered");
  }
}

/** A session for a password, or for a refresh token. */
export async function grantToken(request: Request, parts: SignInParts): Promise<Response> {
  const grant = parse(z.string().default(""), new URL(request.url).searchParams.get("grant_type") ?? undefined);
  switch (grant) {
    case "password":
      return Response.json(await signInWithPassword(request, parts));
    case "refresh_token":
      return Response.json(await refreshSession(request, parts));
    default:
      throw unsupported(400, "unsupported_grant_type", `grant_type ${grant}`);
  }
}

/** Opens a session of the user's. */
export async function signIn(user: User, { sessions, sessionBody }: SignInParts): Promise<SessionBody> {
  const session = await sessions.open(user.id).catch((error) => {
    // Somebody has deleted the user since.
    if (error instanceof postgres.PostgresError && error.code === "23503") throw invalidCredentials();
    throw error;
  });
  return await sessionBody({ ...user, last_sign_in_at: new Date() }, session);
}

async function signInWithPassword(request: Request, parts: SignInParts): Promise<SessionBody> {
  const { email, phone, password } = await readBody(request, PasswordGrant);
  if (phone !== undefined) throw noPhone();
  if (email === undefined) throw new AuthError(400, "validation_failed", "missing email or phone");
  const user = await parts.users.findByEmail(email);
  if (user === undefined || !await isPassword(password, user.encrypted_password)) {
    throw invalidCredentials();
  }
  if (user.email_confirmed_at === null) throw new AuthError(400, "email_not_confirmed", "Email not confirmed");
  return await signIn(user, parts);
}

async function refreshSession(request: Request, { users, sessions, sessionBody }: SignInParts): Promise<SessionBody> {
  const body = await readBody(request, RefreshGrant);
  const refresh = await sessions.refresh(body.refresh_token);
  switch (refresh.outcome) {
    case "refreshed": {
      const user = await users.find(refresh.session.userId);
      if (user !== undefined) return await sessionBody(user, refresh.session);
      throw new AuthError(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found");
    }
    case "unknown":
      throw new AuthError(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found");
    case "used":
      throw new AuthError(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used");
  }
}
