import { signal } from "@preact/signals";
import { render } from "preact";
import { signIn } from "./account.ts";
import { failureOf } from "./advice.ts";
import { CellView } from "./cell_view.tsx";
import { goOnAnew, newNotebook, notice, resume } from "./execution.ts";
import { keepNotebook, notKept } from "./keeping.ts";
import { shownPath } from "./notebook.ts";
import { OperatorView } from "./operator_view.tsx";
import { StampedeView } from "./stampede_view.tsx";
import { watchStates } from "./states.ts";
import { StateView, TabsView } from "./tabs_view.tsx";

const VIEWS = { notebook: "Notebook", stampede: "Stampede", operator: "Operator" } as const;
type ViewName = keyof typeof VIEWS;

const view = signal(named(location.hash));
const failure = signal<ReturnType<typeof failureOf> | null>(null);
const isReady = signal(false);

function named(hash: string): ViewName {
  return hash === "#stampede" ? "stampede" : hash === "#operator" ? "operator" : "notebook";
}

function Page() {
  const shown = view.value;
  return (
    <>
      <header>
        <h1>Execution contexts</h1>
        <nav aria-label="Views">
          {(["notebook", "stampede", "operator"] as const).map((name) => (
            <a key={name} href={`#${name}`} aria-current={shown === name ? "page" : undefined}>{VIEWS[name]}</a>
          ))}
        </nav>
      </header>
      <main data-ready={isReady.value}>
        {failure.value !== null && (
          <div class="failure" role="alert">
            <strong>{failure.value.message}</strong>
            <p>{failure.value.advice}</p>
          </div>
        )}
        {shown === "notebook" && <NotebookView />}
        {shown === "stampede" && <StampedeView />}
        {shown === "operator" && <OperatorView />}
      </main>
    </>
  );
}

function NotebookView() {
  const path = shownPath.value;
  return (
    <>
      <p class="lead">
        One conversation. Each path of it has one live sandbox, which keeps its variables, sleeps when nobody uses it,
        and can be branched.
      </p>
      {[notice.value, notKept.value].map((words, at) =>
        words !== null && <p key={at} class="note" role="status">{words}</p>
      )}
      <TabsView />
      <StateView />
      <section id="cells" role="tabpanel" aria-labelledby={`tab-${path.id}`}>
        {path.cells.map((cell, at) => (
          <CellView
            key={`${path.id} ${cell.id}`}
            path={path}
            cell={cell}
            number={at + 1}
          />
        ))}
      </section>
      <p class="end">
        <button type="button" onClick={beginAfresh}>New notebook</button>
        <span>Shift-Enter runs a cell.</span>
      </p>
    </>
  );
}

/** What a notebook holds is gone with it, here and in its sandboxes. */
function beginAfresh(): void {
  if (confirm("Begin a new notebook? This one's cells are removed, and its sandboxes ended.")) void newNotebook();
}

addEventListener("hashchange", () => view.value = named(location.hash));
await keepNotebook();
const place = document.getElementById("page");
if (place) {
  place.textContent = "";
  render(<Page />, place);
}
try {
  const isNew = await signIn();
  // Whose notebook it was is gone.
  if (isNew && shownPath.value.cells.some(({ run }) => run !== null)) goOnAnew();
  isReady.value = true;
  watchStates();
  resume();
} catch (error) {
  failure.value = { ...failureOf(error), advice: "Nobody could be signed in: are anonymous sign-ins enabled?" };
}
