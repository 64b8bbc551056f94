/** The notebook stays in the browser from one visit to the next, for one tab at a time. */
import { effect, signal } from "@preact/signals";
import { notebook, notebookSchema } from "./notebook.ts";

const KEPT = "notebook";

/** How long a change may be kept by the page alone, in milliseconds: keys come fast, and pictures are large. */
const DELAY_MILLISECONDS = 300;

/** What keeps the notebook, or its results, from being kept. */
export const notKept = signal<string | null>(null);

/** Brings the notebook back, and keeps it from then on, unless another tab does. */
export async function keepNotebook(): Promise<void> {
  if (!await isMine()) {
    notKept.value = "Your notebook is open in another tab. This is a new one, and is not kept.";
    return;
  }
  try {
    notebook.value = notebookSchema.parse(JSON.parse(localStorage.getItem(KEPT) ?? "null"));
  } catch {
    // There is none, or it is of an earlier version.
  }
  let timer: number | undefined;
  const keepNow = () => {
    clearTimeout(timer);
    timer = undefined;
    keep();
  };
  keep();
  effect(() => {
    void notebook.value;
    timer ??= setTimeout(keepNow, DELAY_MILLISECONDS);
  });
  addEventListener("pagehide", keepNow);
}

/** The lock is held for as long as the page lives. */
function isMine(): Promise<boolean> {
  return new Promise((resolve) => {
    void navigator.locks.request(KEPT, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock === null ? undefined : new Promise(() => {});
    });
  });
}

/** Pictures may be more than a browser keeps: then the code is what stays. */
function keep(): void {
  try {
    localStorage.setItem(KEPT, JSON.stringify(notebook.value));
    notKept.value = null;
  } catch {
    const { paths, ...rest } = notebook.value;
    const bare = paths.map((path) => ({ ...path, cells: path.cells.map((cell) => ({ ...cell, run: null })) }));
    localStorage.setItem(KEPT, JSON.stringify({ ...rest, paths: bare }));
    notKept.value = "The results are more than this browser keeps: a reload brings back the code alone.";
  }
}
