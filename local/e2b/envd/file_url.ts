import { HttpError } from "../http.ts";
import type { SandboxRegistry } from "../sandbox/registry.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { isSigned } from "./signature.ts";

/**
 * The sandbox of a URL that `uploadUrl` or `downloadUrl` made. Where all sandboxes have one address it names none: it is
 * the one whose token the URL is signed with, or, without a signature, the only one that needs none.
 *
 * @throws {HttpError} when there is not exactly one
 */
export function sandboxOfUrl(request: Request, sandboxes: SandboxRegistry): Sandbox {
  const living = sandboxes.living();
  if (new URL(request.url).searchParams.has("signature")) {
    const signed = living.find(({ envdAccessToken }) => envdAccessToken !== null && isSigned(request, envdAccessToken));
    if (signed !== undefined) return signed;
    throw new HttpError(401, "invalid signature: no running sandbox has a token that makes it");
  }
  const [open, ...others] = living.filter(({ envdAccessToken }) => envdAccessToken === null);
  if (open === undefined) throw new HttpError(401, "missing signature query parameter");
  if (others.length === 0) return open;
  throw new HttpError(400, "the URL does not say which of several unsecured sandboxes it means: send E2b-Sandbox-Id");
}
