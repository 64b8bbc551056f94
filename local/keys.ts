/** The API keys of every local stack. */

/**
 * The same at each start, as those of `supabase start` are, so that a frontend's `.env.local` stays right. They protect
 * nothing: whoever can reach a port of the loopback interface runs on this machine, and nothing here listens anywhere
 * else. They say what they are, and have not the form of a real key, so that no scanner takes them for one.
 */
export const API_KEYS = {
  publishable: "sb_publishable_local_development_only",
  secret: "sb_secret_local_development_only",
} as const;
