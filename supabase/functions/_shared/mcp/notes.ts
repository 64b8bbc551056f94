/** What this process has told agents of variables that are gone, path by path: they keep no `state_id` themselves. */
import type { AcquireResponse } from "../contract/acquire_context.ts";
import type { ExecuteResponse } from "../contract/execute_code.ts";
import type { PathKey } from "../contexts/path_key.ts";
import { StateMemory } from "../words/state_memory.ts";

/** Most paths that are remembered; then the one that was used longest ago is forgotten. */
const PATHS = 1_000;

const memories = new Map<string, StateMemory>();

export interface Noting {
  /** For the request's `expects`. */
  readonly expects: string | undefined;
  /** In words: variables that the model may count on are gone. `session` is what it calls the kernel. */
  readonly noteOf: (
    answer: AcquireResponse & Partial<Pick<ExecuteResponse, "execution">>,
    session: string,
  ) => string | null;
}

/** A call on a path begins. */
export function noting({ tenantId, userId, conversationId, pathId }: PathKey): Noting {
  const name = JSON.stringify([tenantId, userId, conversationId, pathId]);
  const known = memories.get(name);
  const memory = known ?? new StateMemory(undefined, false);
  memories.delete(name);
  memories.set(name, memory);
  const [oldest] = memories.keys();
  if (memories.size > PATHS) memories.delete(oldest);
  const note = memory.begin();
  return {
    expects: memory.expected,
    noteOf: (answer, session) => {
      const said = note(answer, session);
      return said ?? (known === undefined ? restarted(answer) : null);
    },
  };
}

/**
 * To who has seen nothing of the path, a restart may be one that the agent was not told of: the process that served it
 * then was another one. With its time it is true each time that it is said.
 */
function restarted({ previous, was_created }: AcquireResponse): string | null {
  if (was_created || previous?.termination_reason !== "kernel_restarted") return null;
  return `A session here was restarted at ${previous.terminated_at}: variables that were defined in its language before that are gone.`;
}
