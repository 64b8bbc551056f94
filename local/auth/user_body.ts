/** A user as Supabase Auth shows it. */

import type { User } from "./users.ts";

/** The body of an answer that is a user. */
export type UserBody = ReturnType<typeof userBody>;

export function userBody(user: User) {
  const email = user.email ?? "";
  return {
    id: user.id,
    aud: "authenticated",
    role: "authenticated",
    email,
    ...(user.email_confirmed_at === null ? {} : {
      email_confirmed_at: user.email_confirmed_at.toISOString(),
      confirmed_at: user.email_confirmed_at.toISOString(),
    }),
    phone: "",
    ...(user.last_sign_in_at === null ? {} : { last_sign_in_at: user.last_sign_in_at.toISOString() }),
    app_metadata: user.raw_app_meta_data ?? {},
    user_metadata: user.raw_user_meta_data ?? {},
    identities: email === "" ? [] : [identity(user, email)],
    created_at: user.created_at?.toISOString() ?? null,
    updated_at: user.updated_at?.toISOString() ?? null,
    is_anonymous: user.is_anonymous,
  };
}

/** The one identity that a user can have here: nothing signs in by another provider. */
function identity(user: User, email: string) {
  return {
    identity_id: user.id,
    id: user.id,
    user_id: user.id,
    identity_data: { sub: user.id, email, email_verified: user.email_confirmed_at !== null, phone_verified: false },
    provider: "email",
    created_at: user.created_at?.toISOString() ?? null,
    updated_at: user.updated_at?.toISOString() ?? null,
    email,
  };
}
