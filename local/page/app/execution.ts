/** Running cells: what the client tells becomes what the notebook shows. */
import { signal } from "@preact/signals";
import { type Execution, executionContexts, type Path } from "../../../client/mod.ts";
import { signInAnew, supabase } from "./account.ts";
import { failureOf, isSignedOut } from "./advice.ts";
import { beginAnew, changeCell, notebook, noteState } from "./notebook.ts";
import { after, ended, newRun, type Run } from "./run.ts";
import { refreshStates } from "./states.ts";
import { takeTiming } from "./timings.ts";

/** What happened to the notebook as a whole. */
export const notice = signal<string | null>(null);

/** A page's user would rather be told than wait for a minute. */
const contexts = executionContexts(supabase, { retrySeconds: 15 });

/** One object for each path: it remembers what its user was told. */
const paths = new Map<string, Path>();
/** What can be stopped, by the cell. */
const running = new Map<string, Execution>();

function pathOf(id: string): Path {
  const { conversation_id, paths: all } = notebook.value;
  const name = JSON.stringify([conversation_id, id]);
  const known = paths.get(name);
  if (known) return known;
  const { from = null, state_id = null } = all.find((path) => path.id === id) ?? {};
  const made = contexts.path({
    conversation_id,
    path_id: id,
    ...(from === null ? {} : { from_path_id: from.id }),
    ...(state_id === null ? {} : { state_id }),
  });
  paths.set(name, made);
  return made;
}

/** Runs a cell; of one that ran when the page was left, it comes back to that run. */
export async function runCell(pathId: string, cellId: string, code: string, earlier?: Run): Promise<void> {
  if (code.trim() === "" || running.has(cellId)) return;
  const key = earlier?.key ?? crypto.randomUUID().replaceAll("-", "");
  let run = { ...newRun(key), begun_at: earlier?.begun_at ?? Date.now() };
  const tell = (next: Run) => {
    run = next;
    changeCell(pathId, cellId, (cell) => ({ ...cell, run }));
  };
  tell(run);
  const execution = pathOf(pathId).execute(code, { idempotency_key: key });
  running.set(cellId, execution);
  try {
    for await (const event of execution) {
      if (event.event === "context") refreshStates();
      else tell(after(run, event));
    }
    const result = await execution;
    noteState(pathId, result.state_id);
    tell({ ...ended(run, result), timing: takeTiming(key) });
  } catch (error) {
    tell({ ...run, took: Date.now() - run.begun_at, failure: failureOf(error), timing: takeTiming(key) });
    if (isSignedOut(error)) await comeBack();
  } finally {
    running.delete(cellId);
    refreshStates();
  }
}

export function stopCell(cellId: string): void {
  running.get(cellId)?.cancel().catch(() => {});
}

/** What nobody is signed in for any more cannot be used: the notebook goes on as another one. */
async function comeBack(): Promise<void> {
  await signInAnew();
  goOnAnew();
}

/** Another user's notebook begins with the cells of this one. */
export function goOnAnew(): void {
  beginAnew();
  notice.value = "Your sign-in did not hold any more. You are signed in anew, as somebody else: run the cells again.";
}

/** Has the path's sandbox, as a branch is made when it is used first. */
export async function makeReady(pathId: string): Promise<void> {
  const { state_id } = await pathOf(pathId).acquire();
  noteState(pathId, state_id);
  refreshStates();
}

export async function endPath(pathId: string): Promise<void> {
  await pathOf(pathId).terminate();
  refreshStates();
}

/** Comes back to what ran when the page was left. */
export function resume(): void {
  for (const { id, cells } of notebook.value.paths) {
    for (const { id: cellId, code, run } of cells) {
      if (run !== null && run.took === null) void runCell(id, cellId, code, run);
    }
  }
}
