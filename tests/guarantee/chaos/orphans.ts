/** How long sandboxes lived that no active context owned. */
import type postgres from "postgres";
import type { E2BServer } from "../../../local/e2b/server.ts";

export interface Orphan {
  readonly sandboxId: string;
  /** Of one whose context had ended, since then; of one that never became a context's, since its birth. */
  readonly seconds: number;
  /** Whether a context had it: its kill is owed then, and is tried again only after a while. */
  readonly isOwed: boolean;
}

export async function findOrphans(provider: E2BServer, sql: postgres.Sql): Promise<Orphan[]> {
  const rows = await sql<{ id: string; sandbox_id: string | null; terminated_at: Date | null }[]>`
    select id, sandbox_id, terminated_at from copilot_internal.execution_contexts`;
  // A fork has its source's metadata: whose it is the table says.
  const owners = new Map(rows.map((row) => [row.sandbox_id, row]));
  const makers = new Map(rows.map((row) => [row.id, row]));
  return provider.sandboxes().flatMap((sandbox) => {
    const context = owners.get(sandbox.sandboxId) ?? makers.get(sandbox.metadata.context_id);
    if (context === undefined) return [];
    const owned = context.sandbox_id === sandbox.sandboxId;
    if (owned && context.terminated_at === null) return [];
    const since = owned && context.terminated_at !== null ? context.terminated_at : sandbox.startedAt;
    const until = sandbox.ended?.at ?? new Date();
    return [{
      sandboxId: sandbox.sandboxId,
      seconds: (until.getTime() - since.getTime()) / 1000,
      isOwed: owned,
    }];
  });
}
