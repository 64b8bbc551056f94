/** A caller who repeats a request with an idempotency key, as the errors allow. */
import type { SupabaseClient } from "@supabase/supabase-js";
import assert from "node:assert/strict";
import type { ErrorBody } from "../../supabase/functions/_shared/contract/error.ts";
import type { ExecuteResponse } from "../../supabase/functions/_shared/contract/execute_code.ts";
import { isHopeless } from "./clients.ts";

/** What a caller of execute-code is told. */
export type Told =
  /** `how`: by a run of its own, or by the kept answer of an earlier one. */
  | { readonly how: "ran" | "replayed"; readonly execution: ExecuteResponse["execution"] }
  | { readonly how: "failed" | "lost"; readonly error: ErrorBody };

/** Asks once. An error must be one that says whether to ask again. */
export async function ask(
  client: SupabaseClient,
  body: Record<string, unknown>,
  signal?: AbortSignal,
): Promise<Told> {
  const { data, error, response } = await client.functions.invoke<ExecuteResponse>("execute-code", { body, signal });
  if (!error) {
    assert(data);
    return { how: data.replayed ? "replayed" : "ran", execution: data.execution };
  }
  assert(response, "no answer");
  const told: ErrorBody = await response.json();
  isHopeless(told);
  return { how: told.code === "execution_lost" ? "lost" : "failed", error: told };
}

/** Longer than any lease under the impatient settings, in milliseconds: who waits longer is stuck. */
const PATIENCE_MILLISECONDS = 30_000;

/** Asks again for as long as that is said to be safe; fails when that leads nowhere. */
export async function askOn(client: SupabaseClient, body: Record<string, unknown>): Promise<Told> {
  const signal = AbortSignal.timeout(PATIENCE_MILLISECONDS);
  for (;;) {
    const told = await ask(client, body, signal);
    if (told.how !== "failed" || !told.error.retryable) return told;
  }
}
