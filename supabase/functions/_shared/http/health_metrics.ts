/** The health in metrics. None has a tenant's name in a label: a series for each would be too many for who collects them. */
import type { Health } from "../contract/health.ts";
import type { Gauge, Sample } from "./metrics_text.ts";

/**
 * Gauges only. A counter over the ledger would go down when the ledger is cleaned up, and one of this process would be
 * that of one of many.
 */
export function healthMetrics(health: Health): Gauge[] {
  const { contexts, claims_waiting, kills_owed, executions, jobs } = health;
  const gauge = (name: string, help: string, ...samples: Sample[]): Gauge => ({
    name: `execution_contexts_${name}`,
    help,
    samples,
  });
  const age = (since: string | null): Sample => ({
    value: since === null ? 0 : Math.max(0, (Date.parse(health.checked_at) - Date.parse(since)) / 1000),
  });
  return [
    gauge("healthy", "Whether nothing is wrong: 1, or 0.", { value: Number(health.is_healthy) }),
    gauge("closed", "Whether nothing new is begun, for no tenant: 1, or 0.", { value: Number(health.is_closed) }),
    gauge(
      "active",
      "Active contexts by state.",
      { value: contexts.creating, labels: { state: "creating" } },
      { value: contexts.awake, labels: { state: "awake" } },
      { value: contexts.asleep, labels: { state: "asleep" } },
    ),
    gauge("claims_waiting_oldest_age_seconds", "How long the oldest claim has waited for its sandbox, 0 without one.", {
      ...age(claims_waiting.oldest_at),
    }),
    gauge("claims_past_lease", "Claims that are past their lease, and have not been retired.", {
      value: claims_waiting.past_lease,
    }),
    gauge("kills_owed", "Sandboxes of ended contexts that are not known to be gone.", { value: kills_owed.count }),
    gauge("kills_owed_oldest_age_seconds", "How long the oldest of these kills has been owed, 0 without one.", {
      ...age(kills_owed.oldest_at),
    }),
    gauge(
      "last_sweep_timestamp_seconds",
      "When a sweep came to its end last, in seconds since 1970, 0 before the first one.",
      { value: health.last_sweep_at === null ? 0 : Date.parse(health.last_sweep_at) / 1000 },
    ),
    gauge("executions_running", "Executions that run.", { value: executions.running }),
    gauge("executions_lost", "Executions that were lost within the last hour.", {
      value: executions.lost_in_last_hour,
    }),
    gauge(
      "jobs_in_trouble",
      "Jobs of pg_cron that failed when they ran last, or that have not run when they were due. Absent where that is not known.",
      ...(jobs === null ? [] : [
        { value: jobs.failed.length, labels: { trouble: "failed" } },
        { value: jobs.overdue.length, labels: { trouble: "overdue" } },
      ]),
    ),
  ];
}
