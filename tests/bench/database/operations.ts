/** What is measured, one round trip or two each. */
import type postgres from "postgres";
import type { Operation } from "./load.ts";
import { nameOf } from "./rows.ts";

/** Acquires a path that is ready: the claim's first statement, a touch, is all that runs. */
export const touch: Operation = async (sql, path) => {
  const { tenant, conversation, name } = nameOf(path);
  const [claim] = await claimPath(sql, crypto.randomUUID(), tenant, conversation, name);
  if (claim?.outcome !== "reused") throw new Error(`A ready path was ${claim?.outcome ?? "not answered"}`);
};

/** As the first version acquired a ready path: look it up, then touch what was found. */
export const seedSelectTouch: Operation = async (sql, path) => {
  const { tenant, conversation, name } = nameOf(path);
  const [context] = await sql<{ id: string }[]>`
    select * from copilot_internal.execution_contexts
    where tenant_id = ${tenant} and conversation_id = ${conversation} and path_id = ${name} and terminated_at is null
  `;
  await sql`
    update copilot_internal.execution_contexts
    set last_used_at = now(), expires_at = now() + interval '30 minutes'
    where id = ${context.id}
  `;
};

/** The least that a durable touch can be. */
export const durableUpdate: Operation = (sql, path) => {
  const { tenant, conversation, name } = nameOf(path);
  return sql`
    update copilot_internal.execution_contexts
    set last_used_at = now(), expires_at = now() + interval '30 minutes'
    where tenant_id = ${tenant} and conversation_id = ${conversation} and path_id = ${name} and terminated_at is null
  `;
};

/** The limit: nothing is written. */
export const read: Operation = (sql, path) => {
  const { tenant, conversation, name } = nameOf(path);
  return sql`
    select * from copilot_internal.execution_contexts
    where tenant_id = ${tenant} and conversation_id = ${conversation} and path_id = ${name} and terminated_at is null
  `;
};

/** The life of a new path: claim, activate, terminate. */
export const create: Operation = async (sql) => {
  const id = crypto.randomUUID();
  const [claim] = await claimPath(sql, id, "tenant of new paths", "conversation", id);
  if (claim?.outcome !== "claimed") throw new Error(`A new path was ${claim?.outcome ?? "not answered"}`);
  await sql`select from public.copilot_activate_context(${id}, ${`sandbox ${id}`})`;
  await sql`select from public.copilot_terminate_contexts('tenant of new paths', 'conversation', ${id})`;
};

function claimPath(sql: postgres.Sql, id: string, tenant: string, conversation: string, path: string) {
  return sql<{ outcome: string }[]>`
    select * from public.copilot_claim_context(${id}, ${tenant}, ${conversation}, ${path}, 120, 1800)
  `;
}
