/** What an operator sees, of all tenants: read from the database, and from what the functions say of their health. */
import postgres from "postgres";
import { z } from "zod";

export interface Operator {
  look(): Promise<Record<string, unknown>>;
  stop(): Promise<void>;
}

interface OperatorOptions {
  readonly apiUrl: string;
  readonly secretKey: string;
  readonly databaseUrl: string;
}

const healthSchema = z.object({
  is_healthy: z.boolean(),
  problems: z.array(z.object({ message: z.string() })),
  last_sweep_at: z.string().nullable(),
  contexts: z.record(z.string(), z.int()),
  kills_owed: z.object({ count: z.int() }),
});

export function openOperator({ apiUrl, secretKey, databaseUrl }: OperatorOptions): Operator {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  return {
    look: async () => {
      const [health, tenants, executions] = await Promise.all([
        readHealth(apiUrl, secretKey),
        sql`
          select c.tenant_id,
            count(*) filter (where copilot_internal.state_of(c) = 'awake')::integer as awake,
            count(*) filter (where copilot_internal.state_of(c) = 'asleep')::integer as asleep,
            (
              select count(*)::integer from copilot_internal.executions e
              where e.tenant_id = c.tenant_id and e.started_at > now() - interval '1 hour'
            ) as executions
          from copilot_internal.execution_contexts c
          where c.terminated_at is null
          group by c.tenant_id
          order by 2 desc, 3 desc
          limit 10`,
        sql`
          select e.status, count(*)::integer as count from copilot_internal.executions e
          where e.started_at > now() - interval '1 hour' group by 1 order by 1`,
      ]);
      return {
        is_healthy: health.is_healthy,
        problems: health.problems.map(({ message }) => message),
        last_sweep_at: health.last_sweep_at,
        contexts: health.contexts,
        kills_owed: health.kills_owed.count,
        tenants,
        executions: Object.fromEntries(executions.map(({ status, count }) => [status, count])),
      };
    },
    stop: () => sql.end(),
  };
}

async function readHealth(apiUrl: string, secretKey: string) {
  const response = await fetch(`${apiUrl}/functions/v1/terminate-context`, { headers: { apikey: secretKey } });
  // 503 says that something is wrong, and what.
  return healthSchema.parse(await response.json());
}
