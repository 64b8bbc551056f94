import { signal } from "@preact/signals";
import { failureOf } from "./advice.ts";
import { endPath, makeReady } from "./execution.ts";
import { addBranch, type Cell, notebook, type NotebookPath, show, shownPath } from "./notebook.ts";
import { now, states, wordsOf } from "./states.ts";

/** What kept a path from being made, or ended. */
const failure = signal<ReturnType<typeof failureOf> | null>(null);

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
  return <span class={`dot ${states.value.get(id)?.state ?? "none"}`} aria-hidden="true" />;
}

/** How the context of the path that is shown stands. */
export function StateView() {
  const { id } = shownPath.value;
  const state = states.value.get(id);
  const isActive = state !== undefined && state.state !== "ended";
  return (
    <div class="state">
      <p>
        <Dot id={id} />
        <span id="state">{wordsOf(state, now.value)}</span>
      </p>
      {isActive && <button type="button" onClick={() => told(() => endPath(id))}>Terminate</button>}
      {failure.value !== null && (
        <p class="failure" role="alert">
          <strong>{failure.value.message}</strong> {failure.value.advice}
        </p>
      )}
    </div>
  );
}

/** A new path with the variables that this one has, and its cells up to this one. */
export function branchFrom(path: NotebookPath, cell: Cell): void {
  const id = addBranch(path.id, cell.id);
  void told(() => makeReady(id));
}

async function told(work: () => Promise<void>): Promise<void> {
  failure.value = null;
  try {
    await work();
  } catch (error) {
    failure.value = failureOf(error);
  }
}
