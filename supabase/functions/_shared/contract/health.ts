/** GET terminate-context, for services: whether all is well. Times are ISO 8601, of the database's clock. */

/** Something that is wrong. */
export interface Problem {
  code: "sweep_overdue" | "kill_overdue" | "claim_overdue" | "job_failed" | "job_overdue";
  message: string;
}

export interface Health {
  /** Whether there are no problems: the status is 200 then, and 503 otherwise. */
  is_healthy: boolean;
  problems: Problem[];
  checked_at: string;
  /** Nothing new is begun, for no tenant. */
  is_closed: boolean;
  /** When a sweep that was asked for came to its end last. Null: none has yet. */
  last_sweep_at: string | null;
  /** Active contexts, by state. */
  contexts: { creating: number; awake: number; asleep: number };
  /** Those that are `creating`. */
  claims_waiting: { count: number; oldest_at: string | null; past_lease: number };
  /** Sandboxes of ended contexts that are not known to be gone, and when the first of these contexts ended. */
  kills_owed: { count: number; oldest_at: string | null };
  /**
   * When the last sandbox of a context that has ended is paused or gone by itself, those included that E2B may still be
   * making; past that, it may be paused, until a sweep has been. Null: each is known to be gone.
   */
  may_live_until: string | null;
  executions: { running: number; lost_in_last_hour: number };
  /** Jobs of pg_cron, by name. Null where there is no pg_cron, or it does not tell. */
  jobs: { failed: string[]; overdue: string[] } | null;
}
