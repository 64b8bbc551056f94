/** The health as the database tells it. */
import * as z from "zod/mini";

const count = z.int().check(z.nonnegative());
export const healthSchema = z.object({
  checked_at: z.string(),
  is_closed: z.boolean(),
  swept_at: z.nullable(z.string()),
  contexts_creating: count,
  contexts_awake: count,
  contexts_asleep: count,
  claims_oldest_at: z.nullable(z.string()),
  claims_past_lease: count,
  claims_past_lease_since: z.nullable(z.string()),
  kills_owed: count,
  kills_owed_since: z.nullable(z.string()),
  may_live_until: z.nullable(z.string()),
  executions_running: count,
  executions_lost: count,
  jobs_failed: z.nullable(z.array(z.string())),
  jobs_overdue: z.nullable(z.array(z.string())),
});
export type HealthRow = z.infer<typeof healthSchema>;
