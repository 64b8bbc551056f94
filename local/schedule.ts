/** What pg_cron and pg_net do on Supabase, where neither can be installed: asks for a sweep every minute. */

import { API_KEYS } from "./keys.ts";

const MINUTE_MS = 60_000;

export interface ScheduleOptions {
  readonly apiUrl: string;
  /** Called with what went wrong; the next minute tries again. */
  readonly onFailure: (message: string) => void;
  /** Called with what a sweep has found. */
  readonly onSweep?: (answer: unknown) => void;
}

/**
 * Asks `terminate-context` to sweep, at once and every minute, until stopped. What pg_cron deletes on Supabase, what has ended long
 * ago, stays here.
 */
export function startSchedule(
  { apiUrl, onFailure, onSweep }: ScheduleOptions,
): { readonly stop: () => Promise<void> } {
  const stopping = new AbortController();
  const sweep = async () => {
    try {
      const response = await fetch(`${apiUrl}/functions/v1/terminate-context`, {
        method: "POST",
        headers: { "content-type": "application/json", apikey: API_KEYS.secret },
        body: JSON.stringify({ due: true }),
        signal: stopping.signal,
      });
      if (!response.ok) onFailure(`the sweep answered ${response.status}: ${await response.text()}`);
      else {
        const answer: unknown = await response.json();
        onSweep?.(answer);
      }
    } catch (error) {
      if (!stopping.signal.aborted) onFailure(`the sweep failed: ${error}`);
    }
  };
  const running = new Set<Promise<void>>();
  const begin = () => {
    const sweeping = sweep().finally(() => running.delete(sweeping));
    running.add(sweeping);
  };
  begin();
  const timer = setInterval(begin, MINUTE_MS);
  return {
    stop: async () => {
      clearInterval(timer);
      stopping.abort();
      await Promise.all(running);
    },
  };
}
