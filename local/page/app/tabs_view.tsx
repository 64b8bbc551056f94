import { signal } from "@preact/signals";
import { type Failure, failureOf, isSignedOut } from "./advice.ts";
import { comeBack, dropPath, endPath, makeReady } from "./execution.ts";
import { addBranch, type Cell, notebook, type NotebookPath, show, shownPath } from "./notebook.ts";
import { areKnown, now, states, wordsOf } from "./states.ts";

/** What kept a path from being made, or ended. */
const failure = signal<(Failure & { readonly path: string }) | null>(null);
/** A double click is one branch. */
export const isBranching = signal(false);

export function TabsView() {
  const { paths } = notebook.value;
  const shown = shownPath.value.id;
  const step = (event: KeyboardEvent, at: number) => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const next = paths[(at + by + paths.length) % paths.length];
    if (by === 0 || next === undefined) return;
    show(next.id);
    document.getElementById(`tab-${next.id}`)?.focus();
  };
  return (
    <div role="tablist" aria-label="Paths of the conversation" class="tabs">
      {paths.map(({ id, from }, at) => (
        <button
          key={id}
          id={`tab-${id}`}
          type="button"
          role="tab"
          aria-selected={id === shown}
          aria-controls="cells"
          tabIndex={id === shown ? 0 : -1}
          onClick={() => show(id)}
          onKeyDown={(event) => step(event, at)}
        >
          <Dot id={id} />
          {id}
          {from !== null && <small>{` from ${from.id}, cell ${from.cells}`}</small>}
        </button>
      ))}
    </div>
  );
}

function Dot({ id }: { readonly id: string }) {
  const state = areKnown.value ? states.value.get(id)?.state ?? "none" : "none";
  return (
    <>
      <span class={`dot ${state}`} aria-hidden="true" />
      <span class="said">{`${state} `}</span>
    </>
  );
}

/** How the context of the path that is shown stands. */
export function StateView() {
  const { id, from } = shownPath.value;
  const state = states.value.get(id);
  const isActive = state !== undefined && state.state !== "ended";
  return (
    <div class="state">
      <p>
        <Dot id={id} />
        <span id="state">{wordsOf(state, now.value)}</span>
      </p>
      <span class="buttons">
        {isActive && <button type="button" onClick={() => told(id, () => endPath(id))}>Terminate</button>}
        {from !== null && <button type="button" onClick={() => drop(id, from.id)}>Remove path</button>}
      </span>
      {failure.value?.path === id && (
        <p class="failure" role="alert">
          <strong>{failure.value.message}</strong> {failure.value.advice}
        </p>
      )}
    </div>
  );
}

/** A new path with the variables that this one has, and its cells down to this one. */
export async function branchFrom(path: NotebookPath, cell: Cell): Promise<void> {
  if (isBranching.value) return;
  isBranching.value = true;
  const id = addBranch(path.id, cell.id);
  await told(id, () => makeReady(id));
  isBranching.value = false;
  document.getElementById(`tab-${id}`)?.focus();
}

async function drop(id: string, from: string): Promise<void> {
  await told(id, () => dropPath(id));
  document.getElementById(`tab-${from}`)?.focus();
}

async function told(path: string, work: () => Promise<void>): Promise<void> {
  const { conversation_id } = notebook.value;
  failure.value = null;
  try {
    await work();
  } catch (error) {
    if (isSignedOut(error)) await comeBack(conversation_id);
    else failure.value = { ...failureOf(error), path };
  }
}
