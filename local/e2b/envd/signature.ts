import { createHash } from "node:crypto";
import { HttpError } from "../http.ts";

/**
 * Whether a URL of a file was signed with a sandbox's token, be it expired or not: as E2B's SDKs do it (`getSignature`)
 * and its envd reads it (e2b-dev's infra, packages/envd/internal/api/auth.go).
 */
export function isSigned(request: Request, token: string): boolean {
  const query = new URL(request.url).searchParams;
  const expiration = query.get("signature_expiration");
  const signed = [
    query.get("path") ?? "",
    request.method === "GET" ? "read" : "write",
    query.get("username") ?? "",
    token,
    ...(expiration === null ? [] : [expiration]),
  ].join(":");
  const digest = createHash("sha256").update(signed).digest("base64").replace(/=+$/, "");
  return query.get("signature") === `v1_${digest}`;
}

/**
 * Lets in who has a secured sandbox's token, or a URL that is signed with it.
 * @throws {HttpError} 401
 */
export function requireTokenOrSignature(request: Request, token: string): void {
  const given = request.headers.get("x-access-token");
  if (given === token) return;
  if (given) throw new HttpError(401, "access token present in header but does not match");
  const query = new URL(request.url).searchParams;
  if (!query.has("signature")) throw new HttpError(401, "missing signature query parameter");
  if (!isSigned(request, token)) throw new HttpError(401, "invalid signature");
  const expiration = query.get("signature_expiration");
  if (expiration !== null && !(Number(expiration) >= Math.floor(Date.now() / 1000))) {
    throw new HttpError(401, "signature is already expired");
  }
}
