/** What Supabase Auth can do and this one cannot: it says so, rather than that there is no such thing. */

import { AuthError } from "./error.ts";

const UNSUPPORTED: readonly { readonly path: RegExp; readonly code: string; readonly what: string }[] = [
  { path: /^\/(otp|magiclink|verify|resend)$/, code: "otp_disabled", what: "one-time passwords and magic links" },
  { path: /^\/(recover|reauthenticate)$/, code: "email_provider_disabled", what: "password recovery by e-mail" },
  {
    path: /^\/(invite|admin\/generate_link)$/,
    code: "email_provider_disabled",
    what: "invitations and links by e-mail",
  },
  { path: /^\/(authorize|callback|user\/identities)/, code: "oauth_provider_not_supported", what: "OAuth providers" },
  { path: /^\/(sso|saml)/, code: "saml_provider_disabled", what: "single sign-on" },
  { path: /\/factors/, code: "mfa_totp_enroll_not_enabled", what: "multi-factor authentication" },
  { path: /^\/passkeys/, code: "passkey_disabled", what: "passkeys" },
];

/** Says that there is none, and what there is. */
export function unsupported(status: number, code: string, what: string): AuthError {
  const message = `The local stack's Auth has no ${what}: it signs in anonymously, or by e-mail address and password`;
  return new AuthError(status, code, message);
}

export function noPhone(): AuthError {
  return new AuthError(400, "phone_provider_disabled", "The local stack's Auth has no sign-in by phone");
}

/** @throws {AuthError} naming what the local stack's Auth does not do, or `not_found` for what no Auth does */
export function refuseUnsupported(method: string, path: string): never {
  const known = UNSUPPORTED.find((one) => one.path.test(path));
  if (known) throw unsupported(422, known.code, known.what);
  throw new AuthError(404, "not_found", `The local stack's Auth has no ${method} ${path}`);
}
