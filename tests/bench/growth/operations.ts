/** What is measured: one call of the database each, and what has to be there before it, or goes after it. */
import type postgres from "postgres";
import assert from "node:assert/strict";
import { OF_A_TENANT, pathOf, WITH_HISTORY } from "./rows.ts";
import type { Table } from "./tables.ts";

/** Does it once, and returns what the call took, in milliseconds. */
export type Operation = (table: Table) => Promise<number>;

const LEASE_SECONDS = 60;
const TTL_SECONDS = 1800;
/** More than a tenant has, so that a claim counts, and is granted. */
const AMPLE_QUOTA = 1000;
const DUE = 10;
const CLEANED = 100;

export const OPERATIONS: Readonly<Record<string, Operation>> = {
  "touch": async (table) => {
    const { taken, outcome } = await claim(table, crypto.randomUUID(), anyPath(table), AMPLE_QUOTA);
    assert.equal(outcome, "reused");
    return taken;
  },
  "claim of a new path": async (table) => {
    const id = crypto.randomUUID();
    const path = { ...anyPath(table), path: id };
    const { taken, outcome } = await claim(table, id, path, AMPLE_QUOTA);
    assert.equal(outcome, "claimed");
    await table.sql`select public.copilot_fail_context(${id}, 'sandbox_unavailable', false, null, false)`;
    return taken;
  },
  "quota count, refused": async (table) => {
    const path = { ...anyPath(table), path: "one more" };
    const { taken, outcome } = await claim(table, crypto.randomUUID(), path, OF_A_TENANT);
    assert.equal(outcome, "quota_exceeded");
    return taken;
  },
  [`expiry of ${DUE}`]: async ({ sql }) => {
    await insertDue(sql);
    const { taken, answer: [{ expired }] } = await timed(() =>
      sql<{ expired: number }[]>`select public.copilot_expire_due_contexts() as expired`
    );
    assert.equal(expired, DUE);
    await sql`
      update copilot_internal.execution_contexts set sandbox_killed_at = now()
      where terminated_at is not null and sandbox_id is not null and sandbox_killed_at is null
    `;
    return taken;
  },
  [`clean-up of ${CLEANED}`]: async ({ sql }) => {
    await insertOldest(sql);
    const { taken, answer: [{ deleted_count }] } = await timed(() =>
      sql<{ deleted_count: number }[]>`
        select deleted_count from copilot_internal.cleanup_old_terminated_contexts(35, ${CLEANED})
      `
    );
    assert.equal(deleted_count, CLEANED);
    return taken;
  },
};

async function claim(
  { sql }: Table,
  id: string,
  { tenant, conversation, path }: ReturnType<typeof pathOf>,
  quota: number,
): Promise<{ taken: number; outcome: string }> {
  const { taken, answer: [{ outcome }] } = await timed(() =>
    sql<{ outcome: string }[]>`
      select * from public.copilot_claim_context(
        ${id}, ${tenant}, ${conversation}, ${path}, ${LEASE_SECONDS}, ${TTL_SECONDS}, p_tenant_quota => ${quota}
      )
    `
  );
  return { taken, outcome };
}

/** Contexts that are past their deadline. */
async function insertDue(sql: postgres.Sql): Promise<void> {
  await sql`
    insert into copilot_internal.execution_contexts (
      tenant_id, conversation_id, path_id, sandbox_id, sandbox_status, ttl_seconds, activated_at, expires_at
    )
    select
      'tenant of due contexts', 'conversation', gen_random_uuid(), 'sandbox ' || gen_random_uuid(), 'ready', 60,
      now() - interval '1 hour', now() - interval '1 second'
    from generate_series(1, ${DUE}::integer)
  `;
}

/** What the clean-up deletes first, so that the history stays as long as it is. */
async function insertOldest(sql: postgres.Sql): Promise<void> {
  await sql`
    insert into copilot_internal.execution_contexts (
      tenant_id, conversation_id, path_id, sandbox_id, sandbox_status, ttl_seconds, activated_at, expires_at,
      terminated_at, termination_reason, sandbox_killed_at
    )
    select
      'tenant of old contexts', 'conversation ' || n, 'main', 'sandbox ' || n, 'terminated', 60, at, at, at, 'expired', at
    from generate_series(1, ${CLEANED}::integer) n, lateral (select now() - interval '50 days' as at) times
  `;
}

function anyPath({ active }: Table): ReturnType<typeof pathOf> {
  return pathOf(Math.floor(Math.random() * Math.min(active, WITH_HISTORY)));
}

async function timed<Answer>(call: () => PromiseLike<Answer>): Promise<{ taken: number; answer: Answer }> {
  const begun = performance.now();
  const answer = await call();
  return { taken: performance.now() - begun, answer };
}
