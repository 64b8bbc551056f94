/** The database behind a stack, for tests that look at rows or move the clock. */
import postgres from "postgres";
import type { Stack } from "../../local/stack.ts";

export interface Row {
  id: string;
  sandbox_status: string;
  sandbox_id: string | null;
  termination_reason: string | null;
  terminated_at: Date | null;
  sandbox_killed_at: Date | null;
}

/** A superuser's connection. */
export function connect(stack: Pick<Stack, "databaseUrl">) {
  return postgres(stack.databaseUrl, { max: 4, onnotice: () => {} });
}

/** The path's contexts, in the order of their creation. */
export async function contexts(
  sql: postgres.Sql,
  path: { conversation_id: string; path_id?: string },
): Promise<Row[]> {
  const rows = await sql<Row[]>`
    select id, sandbox_status, sandbox_id, termination_reason, terminated_at, sandbox_killed_at
    from copilot_internal.execution_contexts
    where conversation_id = ${path.conversation_id} and path_id = coalesce(${path.path_id ?? null}, path_id)
    order by created_at`;
  return [...rows];
}

/** Lets the path's active context come to its end now: an idle one has slept as long as it may, a claim's lease ends. */
export async function reachDeadline(sql: postgres.Sql, path: { conversation_id: string }): Promise<void> {
  await sql`
    update copilot_internal.execution_contexts
    set expires_at = clock_timestamp() - make_interval(secs => keep_seconds),
        sandbox_deadline_at = clock_timestamp() + greatest(sandbox_deadline_at - expires_at, interval '0')
    where conversation_id = ${path.conversation_id} and terminated_at is null`;
}

/** Forgets what the path's row knows of its sandbox: the next run asks E2B first. */
export async function forgetSandbox(sql: postgres.Sql, path: { conversation_id: string }): Promise<void> {
  await sql`
    update copilot_internal.execution_contexts set sandbox_access = null, sandbox_deadline_at = null
    where conversation_id = ${path.conversation_id} and terminated_at is null`;
}

/** As `reachDeadline`, of a context that has lived for long: its sandbox's probation is over too. */
export async function growOld(sql: postgres.Sql, path: { conversation_id: string; path_id: string }): Promise<void> {
  await sql`
    update copilot_internal.execution_contexts
    set expires_at = clock_timestamp() - make_interval(secs => keep_seconds), sandbox_deadline_at = null,
        activated_at = activated_at - interval '1 day'
    where conversation_id = ${path.conversation_id} and path_id = ${path.path_id} and terminated_at is null`;
}
