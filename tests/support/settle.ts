/** Waiting for what must come about by itself, within a bound. */
import assert from "node:assert/strict";
import type postgres from "postgres";
import type { E2BServer } from "../../local/e2b/server.ts";
import type { Stack } from "../../local/stack.ts";
import { service } from "./clients.ts";
import { pauseAt } from "./provider.ts";

/**
 * Asks again, every so often, until `holds` is true; fails after `seconds`. Where no bound is promised there is a
 * minute, so that a machine that is busy fails no test.
 */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  { seconds = 60, everyMilliseconds = 100 } = {},
): Promise<void> {
  const giveUpAt = performance.now() + seconds * 1000;
  while (!await holds()) {
    assert(performance.now() < giveUpAt, `not within ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMilliseconds));
  }
}

/** Waits until the ends of a conversation's executions, or of one, are in the ledger: answers do not wait for that. */
export async function endsNoted(
  sql: postgres.Sql,
  { conversation_id, execution_id = null }: { readonly conversation_id: string; readonly execution_id?: string | null },
): Promise<void> {
  await eventually("its executions' ends are noted", async () => {
    const running = await sql`
      select id from copilot_internal.executions where conversation_id = ${conversation_id} and status = 'running'
      union
      select id from copilot_internal.open_executions where conversation_id = ${conversation_id}`;
    return !running.some(({ id }) => execution_id === null || id === execution_id);
  });
}

/** Waits until a conversation's sandboxes live as long as their contexts: no `connect` is on its way to one any more. */
export async function deadlinesMoved(
  sql: postgres.Sql,
  { conversation_id }: { readonly conversation_id: string },
): Promise<void> {
  await eventually("its sandboxes live as long as their contexts", async () => {
    const behind = await sql`
      select from copilot_internal.execution_contexts
      where conversation_id = ${conversation_id} and terminated_at is null
        and sandbox_deadline_at is distinct from greatest(sandbox_deadline_at, expires_at)`;
    return behind.length === 0;
  });
}

/** Lets the path's ready context fall asleep now, with its sandbox at the provider, as one that was awake for an hour. */
export async function fallAsleep(
  { sql, provider }: { readonly sql: postgres.Sql; readonly provider: E2BServer },
  path: { conversation_id: string; path_id: string },
): Promise<void> {
  await deadlinesMoved(sql, path);
  const [{ sandbox_id }] = await sql<{ sandbox_id: string }[]>`
    update copilot_internal.execution_contexts
    set expires_at = clock_timestamp(), sandbox_deadline_at = clock_timestamp(),
        activated_at = activated_at - interval '1 hour', created_at = created_at - interval '1 hour'
    where conversation_id = ${path.conversation_id} and path_id = ${path.path_id} and terminated_at is null
    returning sandbox_id`;
  await pauseAt(provider, sandbox_id);
}

/** Sweeps, as the schedule does every minute, and as if its minute had passed since the last one. */
export async function sweepNow(stack: Stack, sql: postgres.Sql): Promise<void> {
  await sql`
    update copilot_internal.execution_contexts set kill_attempted_at = kill_attempted_at - interval '1 minute'
    where terminated_at is not null and sandbox_killed_at is null and kill_attempted_at is not null`;
  const { error, response } = await service(stack).functions.invoke("terminate-context", { body: { due: true } });
  if (error) throw new Error(`the sweep answered ${response?.status}: ${await response?.text()}`);
}

/** The sandboxes that live, of a conversation, against those that its active contexts own. */
export async function ownership(
  provider: E2BServer,
  sql: postgres.Sql,
  conversationId: string,
): Promise<{ owned: string[]; alive: string[] }> {
  const rows = await sql<{ id: string; sandbox_id: string | null; active: boolean }[]>`
    select id, sandbox_id, terminated_at is null as active from copilot_internal.execution_contexts
    where conversation_id = ${conversationId}`;
  const ids = new Set(rows.map((row) => row.id));
  return {
    owned: rows.flatMap((row) => row.active && row.sandbox_id !== null ? [row.sandbox_id] : []).sort(),
    alive: provider.sandboxes().filter((sandbox) => sandbox.ended === null && ids.has(sandbox.metadata.context_id))
      .map((sandbox) => sandbox.sandboxId).sort(),
  };
}

/** How many kills a conversation's ended contexts owe. */
export async function owedKills(sql: postgres.Sql, conversationId: string): Promise<number> {
  const [{ owed }] = await sql<{ owed: number }[]>`
    select count(*)::int as owed from copilot_internal.execution_contexts
    where conversation_id = ${conversationId} and terminated_at is not null
      and sandbox_id is not null and sandbox_killed_at is null`;
  return owed;
}
