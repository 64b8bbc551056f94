/** Running cells: what the client tells becomes what the notebook shows. */
import { signal } from "@preact/signals";
import { type Execution, executionContexts, type Path } from "../../../client/mod.ts";
import { signInAnew, supabase } from "./account.ts";
import { failureOf, isSignedOut } from "./advice.ts";
import { beginAgain, beginAnew, changeCell, notebook, noteState, removeCell, removePath } from "./notebook.ts";
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
/** Paths that their user has ended while something ran there. */
const endedPaths = new Set<Path>();

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
  const path = pathOf(pathId);
  const key = earlier?.key ?? crypto.randomUUID();
  let run = { ...newRun(key, code), begun_at: earlier?.begun_at ?? Date.now() };
  const tell = (next: Run) => {
    run = next;
    changeCell(pathId, cellId, (cell) => ({ ...cell, run }));
  };
  tell(run);
  endedPaths.delete(path);
  const execution = path.execute(code, { idempotency_key: key });
  running.set(cellId, execution);
  try {
    for await (const event of execution) {
      if (event.event === "context") refreshStates();
      else tell(after(run, event));
    }
    const result = await execution;
    noteState(path.conversation_id, pathId, result.state_id);
    tell({ ...ended(run, result), timing: takeTiming(key) });
  } catch (error) {
    const failure = endedPaths.has(path)
      ? { message: "The run was stopped, as its path was ended.", advice: "The next run begins with a new sandbox." }
      : failureOf(error);
    tell({ ...run, took: Date.now() - run.begun_at, failure, timing: takeTiming(key) });
    if (isSignedOut(error)) await comeBack(path.conversation_id);
  } finally {
    running.delete(cellId);
    refreshStates();
  }
}

export function stopCell(cellId: string): void {
  running.get(cellId)?.cancel().catch(() => {});
}

/** Takes a cell away; nobody would see what it does. */
export function dropCell(pathId: string, cellId: string): void {
  stopCell(cellId);
  removeCell(pathId, cellId);
}

let comingBack: Promise<void> | undefined;

/** What nobody is signed in for any more cannot be used: the notebook goes on as another one. Once, for all who meet it. */
export async function comeBack(conversationId: string): Promise<void> {
  if (notebook.value.conversation_id !== conversationId) return;
  comingBack ??= signInAnew().then(goOnAnew).finally(() => comingBack = undefined);
  await comingBack;
}

/** Another user's notebook begins with the cells of this one. */
export function goOnAnew(): void {
  beginAgain();
  notice.value = "Your sign-in did not hold any more. You are signed in anew, as somebody else: run the cells again.";
}

/** Has the path's sandbox, as a branch is made when it is used first. Says so where it begins empty. */
export async function makeReady(pathId: string): Promise<void> {
  const path = pathOf(pathId);
  try {
    const { state_id, was_created, forked_from } = await path.acquire();
    noteState(path.conversation_id, pathId, state_id);
    if (was_created && forked_from === null) {
      notice.value = `${pathId} begins empty: the path that it branched from has no sandbox. Run its cells again.`;
    }
  } finally {
    refreshStates();
  }
}

export async function endPath(pathId: string): Promise<void> {
  const path = pathOf(pathId);
  endedPaths.add(path);
  await path.terminate();
  refreshStates();
}

/** Ends a path, and takes it out of the notebook. */
export async function dropPath(pathId: string): Promise<void> {
  await endPath(pathId);
  removePath(pathId);
}

/** Begins a new notebook; the sandboxes of this one would be in nobody's reach. */
export async function newNotebook(): Promise<void> {
  const { conversation_id } = notebook.value;
  notice.value = null;
  beginAnew();
  await supabase.functions.invoke("terminate-context", { body: { conversation_id } });
  refreshStates();
}

/** Comes back to what ran when the page was left. */
export function resume(): void {
  for (const { id, cells } of notebook.value.paths) {
    for (const { id: cellId, run } of cells) {
      if (run !== null && run.took === null) void runCell(id, cellId, run.code, run);
    }
  }
}
