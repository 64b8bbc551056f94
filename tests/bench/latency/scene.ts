/** Where everything is measured: a stack behind two proxies that take their time, and a path that is in use. */
import type { SupabaseClient } from "@supabase/supabase-js";
import assert from "node:assert/strict";
import { idOf, invoke, newPath, user } from "../../support/clients.ts";
import { type FaultyStack, startFaultyStack } from "../../support/faulty_stack.ts";

/** What is waited before each request, in milliseconds. */
export interface Latency {
  readonly database: number;
  /** Before E2B, and before its sandboxes. */
  readonly provider: number;
}

/** None, little, and what a deployment sees. */
export const LATENCIES: readonly Latency[] = [
  { database: 0, provider: 0 },
  { database: 5, provider: 20 },
  { database: 8, provider: 80 },
];
export const DEPLOYMENT: Latency = LATENCIES[2];

export function named({ database, provider }: Latency): string {
  return `${database}/${provider}`;
}

export interface Scene extends Omit<FaultyStack, "stop"> {
  /** A user, who is a tenant of their own. */
  readonly client: SupabaseClient;
  readonly userId: string;
  /** Of the user, in use. */
  readonly path: ReturnType<typeof newPath>;
  readonly sandboxId: string;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

/** No quota and no rate is what is measured. */
const UNBOUNDED = Object.fromEntries(
  ["TENANT_QUOTA", "CONVERSATION_QUOTA", "TENANT_CREATES_PER_MINUTE", "TENANT_EXECUTIONS_PER_MINUTE"]
    .map((name) => [name, "1000000"]),
);

/** What all ways run: JavaScript, whose kernel starts soonest where a new path needs one. */
export const PROGRAM = { code: "console.log(1)", language: "javascript" } as const;

export async function startScene(functions = 1): Promise<Scene> {
  await using parts = new AsyncDisposableStack();
  const faulty = parts.adopt(await startFaultyStack({ functions, env: UNBOUNDED }), ({ stop }) => stop());
  const client = await user(faulty.stack);
  const path = newPath();
  const { context } = await invoke(client, "execute-code", { ...path, ...PROGRAM });
  const sandbox = faulty.provider.sandboxes().find(({ metadata }) => metadata.context_id === context.id);
  assert(sandbox);
  // From here on they are the caller's to stop.
  const kept = parts.move();
  return {
    ...faulty,
    client,
    userId: await idOf(client),
    path,
    sandboxId: sandbox.sandboxId,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** From now on each request waits so long. */
export function delay({ proxy, database }: Scene, latency: Latency): void {
  const waits = (milliseconds: number) =>
    milliseconds === 0 ? () => undefined : () => ({ kind: "delay", milliseconds }) as const;
  database.mischief = waits(latency.database);
  proxy.mischief = waits(latency.provider);
}

/** How long nothing may be on its way for all to be over, in milliseconds. */
const QUIET_MILLISECONDS = 20;

/** Waits until what goes on after the answer has come to its end. */
export async function quiet({ proxy, database }: Scene): Promise<void> {
  for (let since = performance.now(); performance.now() - since < QUIET_MILLISECONDS;) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    if (proxy.open + database.open > 0) since = performance.now();
  }
}
