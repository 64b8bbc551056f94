/**
 * The part of Supabase Auth that sign-in by e-mail address and password, anonymous users and their administration need,
 * for the unchanged supabase-js. It sends no e-mail: who signs up is confirmed at once, as with `supabase start`.
 */

import type { JSONWebKeySet, JWTPayload } from "jose";
import postgres from "postgres";
import type { Tokens } from "../tokens.ts";
import { changeUser, logOut, showUser } from "./account.ts";
import { administer } from "./admin.ts";
import { AuthError, errorResponse } from "./error.ts";
import { type SessionBody, sessionBody, signAccessToken } from "./session_body.ts";
import { createSessions, type Session } from "./sessions.ts";
import { grantToken, signIn, signUp } from "./sign_in.ts";
import { refuseUnsupported } from "./unsupported.ts";
import { createUsers, type NewUser, type User } from "./users.ts";

/** Which of the stack's keys a request showed. */
export type KeyKind = "publishable" | "secret";

export interface Auth {
  readonly jwks: JSONWebKeySet;
  /** Answers a request to `/auth/v1/*`; `key` is null when it showed none. */
  handle(request: Request, key: KeyKind | null): Promise<Response>;
  /** A new anonymous user, signed in. */
  signIn(options?: Pick<NewUser, "appMetadata">): Promise<SessionBody>;
  /** Signs an access token with any claims, for tests: by default those of a user that Auth does not know. */
  token(claims?: JWTPayload): Promise<string>;
  /** Closes its connections. */
  readonly stop: () => Promise<void>;
}

export interface AuthOptions {
  readonly tokens: Tokens;
  /** What the tokens say in `iss`: `<API_URL>/auth/v1`. */
  readonly issuer: string;
  /** Where the schema `auth` is; connects as a role that may write it. */
  readonly databaseUrl: string;
}

/** Few, because tests run many stacks on one server, and a statement of Auth's takes a millisecond. */
const CONNECTIONS = 3;

export function createAuth({ tokens, issuer, databaseUrl }: AuthOptions): Auth {
  const sql = postgres(databaseUrl, { max: CONNECTIONS, onnotice: () => {} });
  const users = createUsers(sql);
  const sessions = createSessions(sql);
  const parts = {
    tokens,
    users,
    sessions,
    sessionBody: (user: User, session: Session) => sessionBody(tokens, issuer, user, session),
  };

  async function route(request: Request, key: KeyKind | null): Promise<Response> {
    const path = new URL(request.url).pathname.replace(/^\/auth\/v1/, "");
    if (path === "/.well-known/jwks.json" && request.method === "GET") return Response.json(tokens.jwks);
    // Where a browser is sent to, it shows no key.
    if (key === null && /^\/(authorize|callback|verify)$/.test(path)) return refuseUnsupported(request.method, path);
    if (key === null) throw new AuthError(401, "no_api_key", "No API key found in request");
    const [isUsers, userId = null] = /^\/admin\/users(?:\/([^/]+))?$/.exec(path) ?? [];
    if (path.startsWith("/admin/") && key !== "secret") throw new AuthError(403, "not_admin", "User not allowed");
    if (isUsers !== undefined) {
      return await administer(request, userId, users) ?? refuseUnsupported(request.method, path);
    }
    switch (`${request.method} ${path}`) {
      case "POST /signup":
        return await signUp(request, parts);
      case "POST /token":
        return await grantToken(request, parts);
      case "GET /user":
        return await showUser(request, parts);
      case "PUT /user":
        return await changeUser(request, parts);
      case "POST /logout":
        return await logOut(request, parts);
      default:
        return refuseUnsupported(request.method, path);
    }
  }

  return {
    jwks: tokens.jwks,
    handle: async (request, key) => {
      try {
        return await route(request, key);
      } catch (error) {
        const version = request.headers.get("x-supabase-api-version");
        if (error instanceof AuthError) return errorResponse(error, version);
        console.error("Auth:", error);
        return errorResponse(
          new AuthError(500, "unexpected_failure", "An unexpected error. The log says more."),
          version,
        );
      }
    },
    signIn: async (options = {}) => await signIn(await users.add(options), parts),
    token: (claims = {}) => signAccessToken(tokens, issuer, claims),
    stop: () => sql.end({ timeout: 5 }),
  };
}
