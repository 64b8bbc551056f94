/** Which of this process's executions somebody has asked to stop: one question a second, for all of them together. */
import { describe, log } from "../log.ts";
import type { ExecutionStore } from "./execution_store.ts";

const EVERY_MILLISECONDS = 1_000;

interface Watched {
  readonly call: { readonly executions: Pick<ExecutionStore, "stopped">; readonly answerBy: number };
  readonly stop: AbortController;
}

const watched = new Map<string, Watched>();
let isWatching = false;

/** Watches over one execution: its signal aborts when somebody has asked to stop it. Must be ended. */
export function watch(
  call: Watched["call"],
  executionId: string,
): { readonly stopped: AbortSignal; readonly end: () => void } {
  const stop = new AbortController();
  watched.set(executionId, { call, stop });
  if (!isWatching) {
    isWatching = true;
    setTimeout(look, EVERY_MILLISECONDS);
  }
  return { stopped: stop.signal, end: () => watched.delete(executionId) };
}

async function look(): Promise<void> {
  // By way of the one that has the most time left for its calls.
  const [longest] = [...watched.values()].sort((one, other) => other.call.answerBy - one.call.answerBy);
  if (!longest) {
    isWatching = false;
    return;
  }
  try {
    const { executions } = longest.call;
    for (const id of await executions.stopped([...watched.keys()])) watched.get(id)?.stop.abort();
  } catch (error) {
    log("error", { event: "stops_not_asked_for", error: describe(error) });
  }
  setTimeout(look, EVERY_MILLISECONDS);
}
