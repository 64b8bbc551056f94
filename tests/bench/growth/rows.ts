/** What is in the tables: ten conversations a tenant, one path each, and contexts that ended on the first thousand. */
import type postgres from "postgres";

/** Active contexts of a tenant: what the default quota allows. */
export const OF_A_TENANT = 10;

/** The conversations that have a history. All measured paths are of these. */
export const WITH_HISTORY = 1000;

/** The oldest ended so many days ago: a month's history, all of it older than what the clean-up keeps. */
const OLDEST_DAYS = 40;
const HISTORY_DAYS = 30;

/** The only path of the conversation of this number. */
export function pathOf(conversation: number): { tenant: string; conversation: string; path: string } {
  return {
    tenant: `tenant ${Math.floor(conversation / OF_A_TENANT)}`,
    conversation: `conversation ${conversation}`,
    path: "main",
  };
}

/** Contexts that have ended and owe nothing, spread evenly over the conversations and the days. */
export async function insertEnded(sql: postgres.Sql, count: number): Promise<void> {
  await sql`
    insert into copilot_internal.execution_contexts (
      tenant_id, conversation_id, path_id, sandbox_id, sandbox_status, ttl_seconds, created_at, activated_at,
      last_used_at, expires_at, terminated_at, termination_reason, sandbox_killed_at
    )
    select
      'tenant ' || c / ${OF_A_TENANT}::integer, 'conversation ' || c, 'main', 'sandbox ' || n, 'terminated', 1800,
      at - interval '1 hour', at - interval '1 hour', at - interval '30 minutes', at, at, 'expired', at
    from generate_series(0, ${count - 1}::integer) n,
      lateral (select n % ${WITH_HISTORY}::integer as c) conversations,
      lateral (
        select now() - make_interval(days => ${OLDEST_DAYS})
          + make_interval(secs => n * ${HISTORY_DAYS * 24 * 60 * 60}::float8 / ${count}::integer) as at
      ) times
  `;
}

/** One ready context in each of the first `count` conversations. */
export async function insertActive(sql: postgres.Sql, count: number): Promise<void> {
  await sql`
    insert into copilot_internal.execution_contexts (
      tenant_id, conversation_id, path_id, sandbox_id, sandbox_status, ttl_seconds, activated_at, expires_at
    )
    select
      'tenant ' || c / ${OF_A_TENANT}::integer, 'conversation ' || c, 'main', 'sandbox ' || gen_random_uuid(),
      'ready', 1800, now(), now() + interval '1 day'
    from generate_series(0, ${count - 1}::integer) c
  `;
}

/** What a pause in production would do. */
export async function rest(sql: postgres.Sql): Promise<void> {
  await sql`vacuum (analyze) copilot_internal.execution_contexts`;
  await sql`checkpoint`;
}
