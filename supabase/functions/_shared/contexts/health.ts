/** Whether all is well: the database's figures, and what they mean. */
import { serviceOnly } from "../caller.ts";
import type { Health, Problem } from "../contract/health.ts";
import type { ContextCall } from "./context_call.ts";
import type { HealthRow } from "./health_row.ts";

/** The schedule sweeps every minute; a sandbox that nobody owns must be dead within five. */
const SWEEP_SECONDS = 300;
const KILL_SECONDS = 300;
/** Claims are retired every minute, by the schedule and by each sweep. */
const PAST_LEASE_SECONDS = 120;

/**
 * How it stands.
 *
 * @throws ContextError `forbidden` for users
 */
export async function health(call: ContextCall): Promise<Health> {
  serviceOnly(call.caller);
  const row = await call.store.health();
  const problems = problemsOf(row);
  return {
    is_healthy: problems.length === 0,
    problems,
    checked_at: row.checked_at,
    is_closed: row.is_closed,
    last_sweep_at: row.swept_at,
    contexts: { creating: row.contexts_creating, awake: row.contexts_awake, asleep: row.contexts_asleep },
    claims_waiting: {
      count: row.contexts_creating,
      oldest_at: row.claims_oldest_at,
      past_lease: row.claims_past_lease,
    },
    kills_owed: { count: row.kills_owed, oldest_at: row.kills_owed_since },
    may_live_until: row.may_live_until,
    executions: { running: row.executions_running, lost_in_last_hour: row.executions_lost },
    jobs: row.jobs_failed === null || row.jobs_overdue === null
      ? null
      : { failed: row.jobs_failed, overdue: row.jobs_overdue },
  };
}

function problemsOf(row: HealthRow): Problem[] {
  // By the database's clock on both sides.
  const since = (time: string) => (Date.parse(row.checked_at) - Date.parse(time)) / 1000;
  const problems: Problem[] = [];
  if (row.swept_at === null) {
    problems.push({ code: "sweep_overdue", message: "No sweep has come to its end yet." });
  } else if (since(row.swept_at) > SWEEP_SECONDS) {
    const message = `No sweep has come to its end for ${Math.round(since(row.swept_at))} s; one should every minute.`;
    problems.push({ code: "sweep_overdue", message });
  }
  if (row.kills_owed_since !== null && since(row.kills_owed_since) > KILL_SECONDS) {
    const message = `The oldest of ${row.kills_owed} kills has been owed for ${
      Math.round(since(row.kills_owed_since))
    } s, over ${KILL_SECONDS} s.`;
    problems.push({ code: "kill_overdue", message });
  }
  if (row.claims_past_lease_since !== null && since(row.claims_past_lease_since) > PAST_LEASE_SECONDS) {
    const message = `${row.claims_past_lease} claims are past their lease, the first for ${
      Math.round(since(row.claims_past_lease_since))
    } s, and nothing has retired them.`;
    problems.push({ code: "claim_overdue", message });
  }
  for (const job of row.jobs_failed ?? []) {
    problems.push({ code: "job_failed", message: `pg_cron's job ${job} failed when it ran last.` });
  }
  for (const job of row.jobs_overdue ?? []) {
    problems.push({
      code: "job_overdue",
      message: `pg_cron's job ${job} is switched off, or has not run when it was due.`,
    });
  }
  return problems;
}
