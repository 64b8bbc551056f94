/**
 * What agents are told of variables that are gone: they keep no `state_id` themselves, and this process is one of many. So
 * each loss is told with its time, once by each process at most, and is true whenever it is read.
 */
import type { PathKey } from "../contexts/path_key.ts";
import type { AcquireResponse } from "../contract/acquire_context.ts";
import type { ExecuteResponse } from "../contract/execute_code.ts";
import type { Loss } from "../contract/state.ts";

/** Most paths that are remembered; then the one that was used longest ago is forgotten. */
const PATHS = 1_000;

/** The `state_id` of the last answer, by the path. */
const seen = new Map<string, string>();

export interface Noting {
  /** For the request's `expects`. */
  readonly expects: string | undefined;
  /** In words, what the model must know. `kernel` is what it calls the interpreter. */
  readonly noteOf: (
    answer: AcquireResponse & Partial<Pick<ExecuteResponse, "execution">>,
    kernel: string,
  ) => string | null;
}

/** A call on a path begins. */
export function noting({ tenantId, userId, conversationId, pathId }: PathKey): Noting {
  const name = JSON.stringify([tenantId, userId, conversationId, pathId]);
  const expects = seen.get(name);
  return {
    expects,
    noteOf: (answer, kernel) => {
      // Another call on the path may have been told meanwhile.
      const isNews = seen.get(name) !== answer.state_id;
      remember(name, answer.state_id);
      if (!isNews) return null;
      const loss = expects === undefined ? lossBefore(answer) : answer.lost;
      const said = [
        ...(loss === null ? [] : [wordsOf(loss, kernel)]),
        ...(answer.execution?.kernel_restarted
          ? [`${kernel} was restarted by this run: variables defined before, and by it, are gone.`]
          : []),
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
  const why = REASONS.get(reason ?? "");
  const when = at === null ? "" : ` at ${at.slice(0, 19)}Z`;
  return `${kernel} was restarted${when}${
    why === undefined ? "" : `, ${why}`
  }: variables defined before that are gone.`;
}
