/** Who the page's user is: somebody anonymous, the same after a reload. */
import { createClient } from "@supabase/supabase-js";
import { timedFetch } from "./timings.ts";
import { stack } from "./stack.ts";

export const supabase = createClient(stack.apiUrl, stack.publishableKey, { global: { fetch: timedFetch } });

/** Signs in, unless somebody is. Returns whether it is somebody new. */
export async function signIn(): Promise<boolean> {
  const { data } = await supabase.auth.getSession();
  if (data.session) return false;
  await signInAnew();
  return true;
}

/** Signs in as somebody new: the sign-in that was kept does not hold any more. */
export async function signInAnew(): Promise<void> {
  await supabase.auth.signOut({ scope: "local" });
  const { error } = await supabase.auth.signInAnonymously();
  if (error) throw error;
}
