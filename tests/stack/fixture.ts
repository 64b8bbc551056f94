/** A stack with small functions and migrations of its own, and no sandbox server. */

import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import { fileURLToPath } from "node:url";
import type { Stack, StackOptions } from "../../local/stack.ts";
import { startStack } from "../support/stack.ts";

export const MIGRATIONS = fileURLToPath(new URL("fixtures/migrations", import.meta.url));
export const FUNCTIONS = fileURLToPath(new URL("fixtures/functions", import.meta.url));

export const FIXTURE = {
  migrationsDirectory: MIGRATIONS,
  functionsDirectory: FUNCTIONS,
  // Nobody asks it for anything.
  e2bUrl: "http://127.0.0.1:9",
  e2bApiKey: "unused",
} as const satisfies StackOptions;

export function startFixture(options: StackOptions = {}): Promise<Stack> {
  return startStack({ ...FIXTURE, ...options });
}

/** A client that leaves no timer behind. */
export function client(stack: Stack, key: string, accessToken?: string): SupabaseClient {
  return createClient(stack.apiUrl, key, {
    auth: { persistSession: false, autoRefreshToken: false },
    ...(accessToken === undefined ? {} : { accessToken: () => Promise.resolve(accessToken) }),
  });
}
