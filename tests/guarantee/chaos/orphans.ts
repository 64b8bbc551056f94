/** How long sandboxes lived that no active context owned. */
import type postgres from "postgres";
import type { E2BServer } from "../../../local/e2b/server.ts";

/**
 * The longest such time, in seconds: of a sandbox whose context had ended, since then; of one that never became a
 * context's, since its birth.
 */
export async function longestOrphanSeconds(provider: E2BServer, sql: postgres.Sql): Promise<number> {
  const rows = await sql<{ id: string; sandbox_id: string | null; terminated_at: Date | null }[]>`
    select id, sandbox_id, terminated_at from copilot_internal.execution_contexts`;
  // A fork has its source's metadata: whose it is the table says.
  const owners = new Map(rows.map((row) => [row.sandbox_id, row]));
  const makers = new Map(rows.map((row) => [row.id, row]));
  let longest = 0;
  for (const sandbox of provider.sandboxes()) {
    const context = owners.get(sandbox.sandboxId) ?? makers.get(sandbox.metadata.context_id);
    if (context === undefined) continue;
    const owned = context.sandbox_id === sandbox.sandboxId;
    if (owned && context.terminated_at === null) continue;
    const since = owned && context.terminated_at !== null ? context.terminated_at : sandbox.startedAt;
    const until = sandbox.ended?.at ?? new Date();
    longest = Math.max(longest, (until.getTime() - since.getTime()) / 1000);
  }
  return longest;
}
