/** A steady mix of what callers do, on few paths at a time. */
import type { SupabaseClient } from "@supabase/supabase-js";
import { invoke, newPath } from "../../support/clients.ts";
import { stream } from "../../support/event_stream.ts";

/** How many calls of each kind were answered, and what went wrong, by its message. */
export interface Tally {
  readonly calls: Record<string, number>;
  readonly errors: Record<string, number>;
}

export function countError({ errors }: Tally, name: string, error: unknown): void {
  const message = `${name}: ${error instanceof Error ? error.message : error}`;
  errors[message] = (errors[message] ?? 0) + 1;
}

/** Callers at a time, and so paths, besides those that are left to expire. */
const CALLERS = 3;

/** Between two calls of a caller, in milliseconds: steady, not as fast as it goes. */
const PAUSE = 200;

const WARM_RUNS = 5;
/** Of a path's lives, so many are not ended but left to expire. */
const LEFT_SHARE = 0.2;
const LEFT_TTL_SECONDS = 5;

const javascript = { language: "javascript" } as const;

/** Goes on until `isOver`; by then each caller has come to the end of its path. */
export async function mix(client: SupabaseClient, tally: Tally, isOver: () => boolean): Promise<void> {
  const does = async (name: string, call: () => Promise<unknown>) => {
    try {
      await call();
      tally.calls[name] = (tally.calls[name] ?? 0) + 1;
    } catch (error) {
      countError(tally, name, error);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  };
  await Promise.all(Array.from({ length: CALLERS }, async (_, caller) => {
    while (!isOver()) await life(client, `tenant ${caller}`, does);
  }));
}

/** The life of a path. */
async function life(
  client: SupabaseClient,
  tenant_id: string,
  does: (name: string, call: () => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const path = { ...newPath(), tenant_id };
  const isLeft = Math.random() < LEFT_SHARE;
  const ttl = isLeft ? { ttl_seconds: LEFT_TTL_SECONDS } : {};
  await does("new path", () => invoke(client, "acquire-context", { ...path, ...ttl }));
  for (let run = 0; run < WARM_RUNS; run++) {
    await does("warm run", () => invoke(client, "execute-code", { ...path, ...javascript, code: "1 + 1" }));
  }
  await does(
    "run with a key",
    () => invoke(client, "execute-code", { ...path, ...javascript, code: "2", idempotency_key: crypto.randomUUID() }),
  );
  await does("stream", async () => {
    const code = "for (let n = 0; n < 50; n++) console.log('x'.repeat(1000))";
    await (await stream(client, { ...path, ...javascript, code })).rest();
  });
  if (!isLeft) await does("terminate", () => invoke(client, "terminate-context", path));
}
