/**
 * What agents are told of variables that are gone: they keep no `state_id` themselves, and this process is one of many. So
 * each loss is told with its time, once by each process at most, and is true whenever it is read.
 */
import type { PathKey } from "../contexts/path_key.ts";
import type { AcquireResponse } from "../contract/acquire_context.ts";
import type { Loss } from "../contract/state.ts";
import { restartedByRun, type StateAnswer } from "../words/state_memory.ts";

/** Most paths that are remembered; then the one that was used longest ago is forgotten. */
const PATHS = 1_000;

/** The `state_id` of the last answer, by the path and the kernel: a path has one a language, and one may go by itself. */
const seen = new Map<string, string>();

export interface Noting {
  /** For the request's `expects`. */
  readonly expects: string | undefined;
  /** In words, what the model must know. */
  readonly noteOf: (answer: StateAnswer) => string | null;
}

/** A call on a path begins. `kernel` is what a model calls the interpreter that it is for. */
export function noting({ tenantId, userId, conversationId, pathId }: PathKey, kernel: string): Noting {
  const name = JSON.stringify([tenantId, userId, conversationId, pathId, kernel]);
  const expects = seen.get(name);
  return {
    expects,
    noteOf: (answer) => {
      // Another call on the path may have been told meanwhile.
      const isNews = seen.get(name) !== answer.state_id;
      remember(name, answer.state_id);
      const loss = !isNews ? null : expects === undefined ? lossBefore(answer) : answer.lost;
      const said = [
        ...(loss === null ? [] : [wordsOf(loss, kernel)]),
        ...(answer.execution?.kernel_restarted ? [restartedByRun(kernel)] : []),
      ];
      return said.length === 0 ? null : said.join(" ");
    },
  };
}

function remember(name: string, stateId: string): void {
  seen.delete(name);
  seen.set(name, stateId);
  const [oldest] = seen.keys();
  if (seen.size > PATHS) seen.delete(oldest);
}

/** To a process that has seen nothing of the path: what may have gone without any agent's notice. */
function lossBefore({ was_created, previous }: AcquireResponse): Loss | null {
  if (previous === null || (!was_created && previous.termination_reason !== "kernel_restarted")) return null;
  return { reason: previous.termination_reason, at: previous.terminated_at };
}

const REASONS = new Map([
  ["terminated", "on request"],
  ["expired", "not having been used for too long"],
  ["sandbox_lost", "because its sandbox was lost"],
  ["evicted", "because another branch needed its place"],
  ["kernel_restarted", "because its interpreter crashed, or had to be stopped"],
]);

function wordsOf({ reason, at }: Loss, kernel: string): string {
  const when = at === null ? "" : ` at ${at.slice(0, 19)}Z`;
  const why = REASONS.get(reason ?? "");
  const how = `was restarted${when}${why === undefined ? "" : `, ${why}`}`;
  // Nothing tells of which language it was.
  return reason === "kernel_restarted"
    ? `A session here ${how}: variables that were defined in its language before that are gone.`
    : `${kernel} ${how}: variables defined before that are gone.`;
}
