/** The API keys of every local stack. */

/**
 * The same at each start, as those of `supabase start` are, so that a frontend's `.env.local` stays right. Nothing here
 * listens beyond loopback, so whoever shows one runs on this machine; but so does a browser with anybody's page in it,
 * from which the gateway takes no secret key. They say what they are, and have not the form of a real key, so that no
 * scanner takes them for one.
 */
export const API_KEYS = {
  publishable: "sb_publishable_local_development_only",
  secret: "sb_secret_local_development_only",
} as const;
