/** The rows of the tables: the active paths, and the contexts that ended on the same paths, so many a day. */
import type postgres from "postgres";
import { PATHS } from "./load.ts";

/** The oldest context ended just under this many days ago. The clean-up counts in days, so rounds are cut by days. */
export const OLDEST_DAYS = 60;

/** Ended contexts are spread evenly over so many days: the youngest are older than what the clean-up keeps. */
export const HISTORY_DAYS = 40;

/** The path of this number. */
export function nameOf(path: number): { tenant: string; conversation: string; name: string } {
  return { tenant: `tenant ${path % 10}`, conversation: `conversation ${path % 50}`, name: `path ${path}` };
}

/** Makes the active paths and `ended` contexts before them, and brings the table to rest. */
export async function fill(sql: postgres.Sql, ended: number): Promise<void> {
  await sql`
    insert into copilot_internal.execution_contexts (
      tenant_id, conversation_id, path_id, sandbox_id, sandbox_status, ttl_seconds, created_at, activated_at,
      last_used_at, expires_at, terminated_at, termination_reason, sandbox_killed_at
    )
    select
      'tenant ' || path % 10, 'conversation ' || path % 50, 'path ' || path, 'sandbox ' || n, 'terminated', 1800,
      at - interval '1 hour', at - interval '1 hour', at - interval '30 minutes', at, at, 'expired', at
    from generate_series(0, ${ended - 1}::integer) n,
      lateral (select 1 + n % ${PATHS}::integer as path) p,
      lateral (
        select now() - make_interval(days => ${OLDEST_DAYS})
          + make_interval(secs => n * ${HISTORY_DAYS * 24 * 60 * 60}::float8 / ${ended}::integer) as at
      ) t
  `;
  await insertActive(sql, "path", PATHS, "1 day");
  await rest(sql);
}

/** Makes active contexts whose deadline is this interval from now. */
export async function insertActive(sql: postgres.Sql, prefix: string, count: number, due: string): Promise<void> {
  await sql`
    insert into copilot_internal.execution_contexts (
      tenant_id, conversation_id, path_id, sandbox_id, sandbox_status, ttl_seconds, activated_at, expires_at
    )
    select
      'tenant ' || n % 10, 'conversation ' || n % 50, ${prefix}::text || ' ' || n, 'sandbox ' || gen_random_uuid(),
      'ready', 1800, now(), now() + ${due}::interval
    from generate_series(1, ${count}::integer) n
  `;
}

/** What a pause in production would do, so that no round pays for the one before it. */
export async function rest(sql: postgres.Sql): Promise<void> {
  await sql`vacuum (analyze) copilot_internal.execution_contexts`;
  await sql`checkpoint`;
}
