/** The part of Supabase Auth that anonymous users need, for the unchanged supabase-js. Everything is in memory. */

import type { JSONWebKeySet, JWTPayload } from "jose";
import { z } from "zod";
import { TOKEN_SECONDS, type Tokens } from "./tokens.ts";
import { type Metadata, type Session, type User, Users } from "./users.ts";

/** Which of the stack's keys a request showed. */
export type KeyKind = "publishable" | "secret";

/** The body of a sign-in, as Supabase Auth answers it. */
export interface SessionBody {
  readonly access_token: string;
  readonly token_type: "bearer";
  /** Seconds from now. */
  readonly expires_in: number;
  /** Seconds since 1970. */
  readonly expires_at: number;
  readonly refresh_token: string;
  readonly user: ReturnType<typeof userBody>;
}

export interface Auth {
  readonly jwks: JSONWebKeySet;
  /** Answers a request to `/auth/v1/*`; `key` is null when it showed none. */
  handle(request: Request, key: KeyKind | null): Promise<Response>;
  /** A new anonymous user, signed in. */
  signIn(options?: { readonly appMetadata?: Metadata }): Promise<SessionBody>;
  /** Signs an access token with any claims, for tests: by default those of a user that Auth does not know. */
  token(claims?: JWTPayload): Promise<string>;
}

const Signup = z.object({
  data: z.record(z.string(), z.unknown()).default({}),
  email: z.undefined().optional(),
  phone: z.undefined().optional(),
});
const RefreshRequest = z.object({ refresh_token: z.string() });
const AdminUpdate = z.strictObject({
  app_metadata: z.record(z.string(), z.unknown()).optional(),
  user_metadata: z.record(z.string(), z.unknown()).optional(),
});
const Scope = z.enum(["global", "local", "others"]).default("global");

/** The response format that supabase-js asks for; without it, errors have the older shape. */
const API_VERSION = "2024-01-01";

class AuthError extends Error {
  constructor(readonly status: number, readonly code: string, message: string) {
    super(message);
  }
}

/** @param issuer what the tokens say in `iss`: `<API_URL>/auth/v1` */
export function createAuth(tokens: Tokens, issuer: string): Auth {
  const users = new Users();

  const sign = (claims: JWTPayload) =>
    tokens.sign({
      iss: issuer,
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

  async function sessionBody({ id, user, refreshToken }: Session): Promise<SessionBody> {
    const expiresAt = Math.floor(Date.now() / 1000) + TOKEN_SECONDS;
    return {
      access_token: await sign({
        sub: user.id,
        exp: expiresAt,
        session_id: id,
        app_metadata: user.appMetadata,
        user_metadata: user.userMetadata,
      }),
      token_type: "bearer",
      expires_in: TOKEN_SECONDS,
      expires_at: expiresAt,
      refresh_token: refreshToken,
      user: userBody(user),
    };
  }

  async function sessionOf(request: Request): Promise<Session> {
    const bearer = /^Bearer\s+(.+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
    const claims = bearer === undefined ? null : await tokens.verify(bearer);
    if (claims === null) throw new AuthError(403, "bad_jwt", "invalid JWT: unable to parse or verify signature");
    const session = users.findSession(String(claims.session_id));
    if (session === undefined) {
      throw new AuthError(403, "session_not_found", "Session from session_id claim in JWT does not exist");
    }
    return session;
  }

  async function signUp(request: Request): Promise<Response> {
    const body = Signup.safeParse(await json(request));
    if (!body.success) throw new AuthError(422, "validation_failed", "This stack signs in anonymous users only");
    const user = users.add({}, body.data.data);
    return Response.json(await sessionBody(users.openSession(user)));
  }

  async function token(request: Request): Promise<Response> {
    const grant = new URL(request.url).searchParams.get("grant_type");
    if (grant !== "refresh_token") throw new AuthError(400, "unsupported_grant_type", "unsupported_grant_type");
    const body = parse(RefreshRequest, await json(request));
    const refresh = users.refresh(body.refresh_token);
    switch (refresh.outcome) {
      case "refreshed":
        return Response.json(await sessionBody(refresh.session));
      case "unknown":
        throw new AuthError(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found");
      case "used":
        throw new AuthError(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used");
    }
  }

  async function logOut(request: Request): Promise<Response> {
    const session = await sessionOf(request);
    const scope = parse(Scope, new URL(request.url).searchParams.get("scope") ?? undefined);
    for (const other of users.sessionsOf(session.user)) {
      if (scope === "global" || (scope === "local") === (other === session)) users.closeSession(other);
    }
    return new Response(null, { status: 204 });
  }

  async function adminUser(request: Request, key: KeyKind | null, id: string): Promise<Response> {
    if (key !== "secret") throw new AuthError(403, "not_admin", "User not allowed");
    const user = users.find(id);
    if (user === undefined) throw new AuthError(404, "user_not_found", "User not found");
    if (request.method === "PUT") {
      const { app_metadata, user_metadata } = parse(AdminUpdate, await json(request));
      users.update(user, { appMetadata: app_metadata, userMetadata: user_metadata });
    }
    return Response.json(userBody(user));
  }

  async function route(request: Request, key: KeyKind | null): Promise<Response> {
    const path = new URL(request.url).pathname.replace(/^\/auth\/v1/, "");
    const [, userId] = /^\/admin\/users\/([^/]+)$/.exec(path) ?? [];
    if (path === "/.well-known/jwks.json" && request.method === "GET") return Response.json(tokens.jwks);
    if (key === null) throw new AuthError(401, "no_api_key", "No API key found in request");
    if (userId !== undefined && /^(GET|PUT)$/.test(request.method)) return await adminUser(request, key, userId);
    switch (`${request.method} ${path}`) {
      case "POST /signup":
        return await signUp(request);
      case "POST /token":
        return await token(request);
      case "GET /user":
        return Response.json(userBody((await sessionOf(request)).user));
      case "POST /logout":
        return await logOut(request);
      default:
        throw new AuthError(404, "not_found", `This stack's Auth has no ${request.method} ${path}`);
    }
  }

  return {
    jwks: tokens.jwks,
    handle: async (request, key) => {
      try {
        return await route(request, key);
      } catch (error) {
        if (error instanceof AuthError) return errorResponse(error, request.headers.get("x-supabase-api-version"));
        throw error;
      }
    },
    signIn: ({ appMetadata = {} } = {}) => sessionBody(users.openSession(users.add(appMetadata, {}))),
    token: (claims = {}) => sign({ sub: crypto.randomUUID(), ...claims }),
  };
}

function userBody(user: User) {
  return {
    id: user.id,
    aud: "authenticated",
    role: "authenticated",
    email: "",
    phone: "",
    last_sign_in_at: user.lastSignInAt.toISOString(),
    app_metadata: user.appMetadata,
    user_metadata: user.userMetadata,
    identities: [],
    created_at: user.createdAt.toISOString(),
    updated_at: user.updatedAt.toISOString(),
    is_anonymous: true,
  };
}

async function json(request: Request): Promise<unknown> {
  try {
    return await request.json();
  } catch (error) {
    if (error instanceof SyntaxError) throw new AuthError(400, "bad_json", "Could not parse request body as JSON");
    throw error;
  }
}

function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new AuthError(400, "validation_failed", z.prettifyError(parsed.error));
  return parsed.data;
}

function errorResponse({ status, code, message }: AuthError, version: string | null): Response {
  if (version === null || version < API_VERSION) {
    return Response.json({ code: status, error_code: code, msg: message }, { status });
  }
  return Response.json({ code, message }, { status, headers: { "x-supabase-api-version": API_VERSION } });
}
