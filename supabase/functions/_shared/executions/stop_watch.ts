/** Which of this process's executions somebody has asked to stop: one question a second, for all of them together. */
import { describe, log } from "../log.ts";
import type { ExecutionStore } from "./execution_store.ts";

const EVERY_MILLISECONDS = 1_000;

interface Watched {
  readonly executions: Pick<ExecutionStore, "stopped">;
  readonly stop: AbortController;
}

const watched = new Map<string, Watched>();
let isWatching = false;

/** Watches over one execution: its signal aborts when somebody has asked to stop it. Must be ended. */
export function watch(
  executions: Watched["executions"],
  executionId: string,
): { readonly stopped: AbortSignal; readonly end: () => void } {
  const stop = new AbortController();
  watched.set(executionId, { executions, stop });
  if (!isWatching) {
    isWatching = true;
    setTimeout(look, EVERY_MILLISECONDS);
  }
  return { stopped: stop.signal, end: () => watched.delete(executionId) };
}

async function look(): Promise<void> {
  // The one that came last has the most time left for its calls.
  const [last] = [...watched.values()].slice(-1);
  if (!last) {
    isWatching = false;
    return;
  }
  try {
    for (const id of await last.executions.stopped([...watched.keys()])) watched.get(id)?.stop.abort();
  } catch (error) {
    log("error", { event: "stops_not_asked_for", error: describe(error) });
  }
  setTimeout(look, EVERY_MILLISECONDS);
}
