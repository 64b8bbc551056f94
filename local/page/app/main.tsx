import { signal } from "@preact/signals";
import { render } from "preact";
import { signIn } from "./account.ts";
import { type Failure, failureOf } from "./advice.ts";
import { CellView } from "./cell_view.tsx";
import { goOnAnew, newNotebook, notice, resume } from "./execution.ts";
import { FailureView } from "./failure_view.tsx";
import { keepNotebook, notKept } from "./keeping.ts";
import { shownPath } from "./notebook.ts";
import { OperatorView } from "./operator_view.tsx";
import { StampedeView } from "./stampede_view.tsx";
import { watchStates } from "./states.ts";
import { StateView, TabsView } from "./tabs_view.tsx";

/** By what the address says; the first one, where it says nothing. */
const VIEWS = [
  { hash: "#notebook", title: "Notebook", View: NotebookView },
  { hash: "#stampede", title: "Stampede", View: StampedeView },
  { hash: "#operator", title: "Operator", View: OperatorView },
];

const hash = signal(location.hash);
const failure = signal<Failure | null>(null);
const isReady = signal(false);

function Page() {
  const shown = VIEWS.find((view) => view.hash === hash.value) ?? VIEWS[0];
  return (
    <>
      <header>
        <h1>Execution contexts</h1>
        <nav aria-label="Views">
          {VIEWS.map((view) => (
            <a key={view.hash} href={view.hash} aria-current={shown === view ? "page" : undefined}>{view.title}</a>
          ))}
        </nav>
      </header>
      <main data-ready={isReady.value}>
        {failure.value !== null && <FailureView failure={failure.value} />}
        <shown.View />
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

addEventListener("hashchange", () => hash.value = location.hash);
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
