/** What any function with `withSupabase` costs: one that does nothing else. */
import { withSupabase } from "@supabase/server";

export default {
  fetch: withSupabase({ auth: ["user", "secret:*"] }, () => Promise.resolve(Response.json({}))),
};
