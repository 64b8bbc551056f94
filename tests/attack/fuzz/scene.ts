/** Who and what there is: the fuzzer's own tenant and paths, and somebody else's that it must not get at. */
import { type JWTPayload, UnsecuredJWT } from "jose";
import type { Stack } from "../../../local/stack.ts";

/** An alias: an interface would be no record, which is what clients send. */
export type Path = {
  readonly conversation_id: string;
  readonly path_id: string;
};

/** The tenant that attacks, and the one that it knows all ids of. */
export const TENANT = "fuzz";
export const VICTIM = "bystander";
export const VICTIMS_PATH: Path = { conversation_id: "theirs", path_id: "main" };

/** Few, so that requests meet each other on them. */
export const PATHS: readonly Path[] = Array.from(
  { length: 5 },
  (_, index) => ({ conversation_id: `fuzz-${index % 3}`, path_id: `path-${index}` }),
);

export interface Scene {
  readonly publishableKey: string;
  readonly secretKey: string;
  readonly token: string;
  readonly victimsToken: string;
  readonly victimsContextId: string;
  /** Tokens that are nobody's, by what is wrong with them. */
  readonly badTokens: readonly (readonly [why: string, token: string])[];
}

/** Has the tokens made. */
export async function newScene(stack: Stack, victimsContextId: string): Promise<Scene> {
  const claims = { sub: crypto.randomUUID(), app_metadata: { tenant_id: TENANT } };
  const sign = (more: JWTPayload = {}) => stack.auth.token({ ...claims, ...more });
  const token = await sign();
  const [header, payload, signature] = token.split(".");
  const forged = new TextEncoder().encode(JSON.stringify({ ...claims, app_metadata: { tenant_id: VICTIM } }));
  const unsigned = new UnsecuredJWT({ ...claims, role: "service_role", aud: "authenticated" })
    .setExpirationTime("1h").encode();
  return {
    publishableKey: stack.publishableKey,
    secretKey: stack.secretKey,
    token,
    victimsToken: await stack.auth.token({ sub: crypto.randomUUID(), app_metadata: { tenant_id: VICTIM } }),
    victimsContextId,
    badTokens: [
      ["expired", await sign({ exp: 1_000_000_000 })],
      ["another tenant's name, with this signature", [header, forged.toBase64(base64url), signature].join(".")],
      ["a turned signature", [header, payload, signature.split("").reverse().join("")].join(".")],
      ["no signature", `${header}.${payload}.`],
      ["alg none", unsigned],
      ["HS256 by the public key", await confused(stack, payload)],
      ["a tenant that is no text", await sign({ app_metadata: { tenant_id: [VICTIM] } })],
      ["a tenant of nothing", await sign({ app_metadata: { tenant_id: "" } })],
      ["a tenant with a NUL", await sign({ app_metadata: { tenant_id: "a\0" } })],
      ["no subject", await stack.auth.token({ sub: undefined, app_metadata: {} })],
      ["cut off", token.slice(0, token.length / 2)],
      ["no token at all", "null"],
      ["the publishable key", stack.publishableKey],
      ["another secret key", `${stack.secretKey.slice(0, -1)}~`],
      ["as long as a header may be", "x".repeat(14_000)],
    ],
  };
}

const base64url = { alphabet: "base64url", omitPadding: true } as const;

/** Who takes the header's word for the algorithm verifies this by the public key's text, which is everybody's. */
async function confused(stack: Stack, payload: string): Promise<string> {
  const text = new TextEncoder();
  const [{ kid }] = stack.auth.jwks.keys;
  const head = text.encode(JSON.stringify({ alg: "HS256", typ: "JWT", kid })).toBase64(base64url);
  const material = text.encode(JSON.stringify(stack.auth.jwks.keys[0]));
  const key = await crypto.subtle.importKey("raw", material, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const signed = await crypto.subtle.sign("HMAC", key, text.encode(`${head}.${payload}`));
  return `${head}.${payload}.${new Uint8Array(signed).toBase64(base64url)}`;
}
