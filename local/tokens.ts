/** The signing keys of a stack, and the JSON Web Tokens signed with them. */

import {
  base64url,
  createLocalJWKSet,
  errors,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JSONWebKeySet,
  type JWK,
  type JWTPayload,
  jwtVerify,
  SignJWT,
} from "jose";

/** How long an access token is good for, in seconds: Supabase's `jwt_expiry`. */
export const TOKEN_SECONDS = 3600;

/** The keys go with the stack, so a token that outlives it needs no renewing and can do no harm. */
const ROLE_TOKEN_LIFE = "10 years";

export interface Tokens {
  /** The public key, as `SUPABASE_JWKS` and the well-known address show it. */
  readonly jwks: JSONWebKeySet;
  /** The same and the secret one of the role tokens: for PostgREST alone. */
  readonly postgrestJwks: JSONWebKeySet;
  /** Signs the claims, with `iat` now and `exp` in an hour unless they say otherwise. */
  sign(claims: JWTPayload): Promise<string>;
  /** A token that makes PostgREST take on the role, and that nobody else accepts. */
  signRole(role: "anon" | "service_role"): Promise<string>;
  /** The claims of a user's token that this stack signed and that has not expired, else null. */
  verify(token: string): Promise<JWTPayload | null>;
}

/** A private key to sign users' tokens with, and its id. */
export async function makeSigningKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  return { ...await exportJWK(privateKey), kid: crypto.randomUUID(), alg: "ES256", use: "sig" };
}

/**
 * With a new key, which is the default, a token of an earlier stack is good for nothing.
 *
 * Users' tokens are ES256, as on Supabase. The gateway's are HS256: PostgREST needs 2 ms to verify an ES256 signature,
 * which would be most of the time of a call.
 */
export async function createTokens(signingKey?: JWK): Promise<Tokens> {
  const { d: _, ...publicKey } = signingKey ??= await makeSigningKey();
  const { kid } = publicKey;
  const privateKey = await importJWK(signingKey, "ES256");
  const jwks = { keys: [publicKey] };
  const keys = createLocalJWKSet(jwks);

  const roleSecret = crypto.getRandomValues(new Uint8Array(32));
  const roleKid = crypto.randomUUID();
  const roleKey = { kty: "oct", k: base64url.encode(roleSecret), kid: roleKid, alg: "HS256" };

  return {
    jwks,
    postgrestJwks: { keys: [...jwks.keys, roleKey] },
    sign: (claims) => {
      const now = Math.floor(Date.now() / 1000);
      return new SignJWT({ iat: now, exp: now + TOKEN_SECONDS, ...claims })
        .setProtectedHeader({ alg: "ES256", kid, typ: "JWT" })
        .sign(privateKey);
    },
    signRole: (role) =>
      new SignJWT({ iss: "supabase", role })
        .setProtectedHeader({ alg: "HS256", kid: roleKid, typ: "JWT" })
        .setExpirationTime(ROLE_TOKEN_LIFE)
        .sign(roleSecret),
    verify: async (token) => {
      try {
        return (await jwtVerify(token, keys)).payload;
      } catch (error) {
        if (error instanceof errors.JOSEError) return null;
        throw error;
      }
    },
  };
}
