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

/** @throws {AuthError} naming what the local stack's Auth does not do, or `not_found` for what no Auth does */
export function refuseUnsupported(method: string, path: string): never {
  for (const unsupported of UNSUPPORTED) {
    if (!unsupported.path.test(path)) continue;
    throw new AuthError(
      422,
      unsupported.code,
      `The local stack's Auth has no ${unsupported.what}: it signs in anonymously, or by e-mail address and password`,
    );
  }
  throw new AuthError(404, "not_found", `The local stack's Auth has no ${method} ${path}`);
}
