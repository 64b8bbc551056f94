/** What it costs to look how it stands, beside a history. */
import type postgres from "postgres";
import { percentile } from "../statistics.ts";
import type { Load } from "./load.ts";
import { insertActive, rest } from "./rows.ts";

export interface LookFigures {
  readonly health_p50_ms: number;
  readonly health_p99_ms: number;
  readonly overview_p50_ms: number;
  readonly overview_p99_ms: number;
}

const ACTIVE = 1000;
/** Of the ledger, beside the ended contexts. */
const EXECUTIONS = 100_000;
const LOOKS = 200;

/** One look after the other, at a table with so many active contexts, a tenth of which run code. */
export async function measureLook({ sessions: [sql] }: Load): Promise<LookFigures> {
  await insertActive(sql, "looked at", ACTIVE, "1 day");
  await sql`
    insert into copilot_internal.conversations (tenant_id, conversation_id, user_id)
    select distinct tenant_id, conversation_id, 'user' from copilot_internal.execution_contexts
    where terminated_at is null
    on conflict do nothing
  `;
  await sql`
    insert into copilot_internal.executions
      (id, context_id, tenant_id, conversation_id, path_id, language, status, started_at, deadline_at, finished_at)
    select gen_random_uuid(), gen_random_uuid(), 'tenant ' || n % 10, 'c', 'p', 'python', 'ok', at, at, at
    from generate_series(1, ${EXECUTIONS}::integer) n, lateral (select now() - make_interval(secs => n) as at) t
  `;
  await sql`
    insert into copilot_internal.executions
      (id, context_id, tenant_id, conversation_id, path_id, language, deadline_at)
    select gen_random_uuid(), c.id, c.tenant_id, c.conversation_id, c.path_id, 'python', now() + interval '1 hour'
    from copilot_internal.execution_contexts c
    where c.terminated_at is null and c.path_id like 'looked at%0'
  `;
  await sql`vacuum (analyze) copilot_internal.executions`;
  await rest(sql);
  const healths = await times(() => sql`select * from public.copilot_health()`);
  const overviews = await times(() => sql`select * from public.execution_contexts_overview`);
  return {
    health_p50_ms: percentile(healths, 50),
    health_p99_ms: percentile(healths, 99),
    overview_p50_ms: percentile(overviews, 50),
    overview_p99_ms: percentile(overviews, 99),
  };
}

async function times(look: () => postgres.PendingQuery<postgres.Row[]>): Promise<number[]> {
  // A session's first plans are nobody's figures.
  await look();
  const taken: number[] = [];
  for (let n = 0; n < LOOKS; n++) {
    const started = performance.now();
    await look();
    taken.push(performance.now() - started);
  }
  return taken;
}
