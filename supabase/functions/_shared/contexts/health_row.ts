/** The health as the database tells it. */
import { z } from "zod";

const count = z.int().nonnegative();
export const healthSchema = z.object({
  checked_at: z.string(),
  is_closed: z.boolean(),
  swept_at: z.string().nullable(),
  contexts_creating: count,
  contexts_ready: count,
  claims_oldest_at: z.string().nullable(),
  claims_past_lease: count,
  claims_past_lease_since: z.string().nullable(),
  kills_owed: count,
  kills_owed_since: z.string().nullable(),
  may_live_until: z.string().nullable(),
  executions_running: count,
  executions_lost: count,
  jobs_failed: z.array(z.string()).nullable(),
  jobs_overdue: z.array(z.string()).nullable(),
});
export type HealthRow = z.infer<typeof healthSchema>;
