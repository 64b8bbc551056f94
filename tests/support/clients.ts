/** Callers of the functions: real supabase-js clients, and plain HTTP where a test needs to see the raw answer. */
import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import assert from "node:assert/strict";
import type { Stack } from "../../local/stack.ts";
import type { AcquireResponse } from "../../supabase/functions/_shared/contract/acquire_context.ts";
import type { ErrorBody } from "../../supabase/functions/_shared/contract/error.ts";
import type { ExecuteResponse } from "../../supabase/functions/_shared/contract/execute_code.ts";
import type { StopResponse, TerminateResponse } from "../../supabase/functions/_shared/contract/terminate_context.ts";

interface Answers {
  "acquire-context": AcquireResponse;
  "execute-code": ExecuteResponse;
  "terminate-context": TerminateResponse;
}
export type FunctionName = keyof Answers;

export interface Answer<Body> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

/** Whether asking again would not help. Fails unless the error says so too, and says what it is. */
export function isHopeless(told: ErrorBody): boolean {
  assert.notEqual(told.code, "internal", JSON.stringify(told));
  const hopeless = told.code === "misconfigured" || told.code === "execution_lost";
  assert.equal(told.retryable, !hopeless, JSON.stringify(told));
  return hopeless;
}

/** A signed-in user's client. `tenantId` is set by an administrator, as the platform does it. */
export async function user(stack: Stack, tenantId?: string): Promise<SupabaseClient> {
  const client = createClient(stack.apiUrl, stack.publishableKey, {
    auth: { persistSession: false, autoRefreshToken: false },
  });
  const { data, error } = await client.auth.signInAnonymously();
  if (error) throw error;
  if (tenantId !== undefined) {
    assert(data.user);
    const updated = await service(stack).auth.admin.updateUserById(data.user.id, {
      app_metadata: { tenant_id: tenantId },
    });
    if (updated.error) throw updated.error;
    const refreshed = await client.auth.refreshSession();
    if (refreshed.error) throw refreshed.error;
  }
  return client;
}

/** The id of a user's client: the `sub` of its token. */
export async function idOf(client: SupabaseClient): Promise<string> {
  const { data } = await client.auth.getUser();
  assert(data.user);
  return data.user.id;
}

/** A backend's client, with a secret key. */
export function service(stack: Stack): SupabaseClient {
  return createClient(stack.apiUrl, stack.secretKey, { auth: { persistSession: false, autoRefreshToken: false } });
}

/** Calls a function by `functions.invoke` and returns what it answered; an error of the function is thrown. */
export async function invoke<Name extends FunctionName>(
  client: SupabaseClient,
  name: Name,
  body: Record<string, unknown>,
): Promise<Answers[Name]> {
  const { data, error, response } = await client.functions.invoke<Answers[Name]>(name, { body });
  if (error) throw new Error(`${name} answered ${response?.status}: ${await response?.text()}`, { cause: error });
  assert(data);
  return data;
}

/** Stops executions on a path: all that are open, or the one that `name` names. Returns how many there are. */
export async function stop(
  client: SupabaseClient,
  path: Record<string, unknown>,
  name: Record<string, unknown> = { executions: true },
): Promise<number> {
  const body = { ...path, ...name };
  const { data, error, response } = await client.functions.invoke<StopResponse>("terminate-context", { body });
  if (error) throw new Error(`terminate-context answered ${response?.status}: ${await response?.text()}`);
  assert.deepEqual(Object.keys(data ?? {}), ["cancelled"]);
  return data?.cancelled ?? NaN;
}

/** Calls a function that must answer an error, and returns that. */
export async function refused(
  client: SupabaseClient,
  name: FunctionName,
  body: Record<string, unknown>,
): Promise<Answer<ErrorBody>> {
  const { error, response } = await client.functions.invoke(name, { body });
  assert(error && response, `${name} answered no error`);
  return { status: response.status, headers: response.headers, body: await response.json() };
}

/** A path that no other test uses. */
export function newPath(): { conversation_id: string; path_id: string } {
  return { conversation_id: `conversation-${crypto.randomUUID()}`, path_id: "main" };
}

/** Asks again as long as it is told to, for so many seconds. */
export async function patiently<Answer>(ask: () => Promise<Answer>, seconds = 60): Promise<Answer> {
  const giveUpAt = performance.now() + seconds * 1000;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (performance.now() > giveUpAt || !String(error).includes(`"retryable":true`)) throw error;
    }
  }
}
