/** The notebook: a conversation, its paths, their cells; kept in the browser from one visit to the next. */
import { computed, effect, signal } from "@preact/signals";
import * as z from "zod/mini";
import { runSchema } from "./run.ts";

const cellSchema = z.object({ id: z.string(), code: z.string(), run: z.nullable(runSchema) });
export type Cell = z.infer<typeof cellSchema>;

const pathSchema = z.object({
  id: z.string(),
  /** Where it branched: of which path, after how many of its cells. */
  from: z.nullable(z.object({ id: z.string(), cells: z.int() })),
  /** The client's last, so that it says what was lost since. */
  state_id: z.nullable(z.string()),
  cells: z.array(cellSchema),
});
export type NotebookPath = z.infer<typeof pathSchema>;

const notebookSchema = z.object({ conversation_id: z.string(), shown: z.string(), paths: z.array(pathSchema) });
export type Notebook = z.infer<typeof notebookSchema>;

const KEPT = "notebook";

const FIRST = `import math
squares = [n * n for n in range(1, 11)]
print("the squares of 1 to 10:", *squares)
math.sqrt(sum(squares))`;

export function newCell(code = ""): Cell {
  return { id: crypto.randomUUID(), code, run: null };
}

function newNotebook(): Notebook {
  const main = { id: "main", from: null, state_id: null, cells: [newCell(FIRST)] };
  return { conversation_id: `notebook-${crypto.randomUUID()}`, shown: "main", paths: [main] };
}

function kept(): Notebook {
  try {
    return notebookSchema.parse(JSON.parse(localStorage.getItem(KEPT) ?? "null"));
  } catch {
    return newNotebook();
  }
}

export const notebook = signal(kept());

export const shownPath = computed(() => {
  const { paths, shown } = notebook.value;
  return paths.find(({ id }) => id === shown) ?? paths[0];
});

effect(() => {
  try {
    localStorage.setItem(KEPT, JSON.stringify(notebook.value));
  } catch {
    // Pictures may be more than a browser keeps: then what was kept last is what a reload brings back.
  }
});

/** A new conversation, with the cells of the path that is shown, not run yet. */
export function beginAnew(): void {
  const cells = shownPath.value.cells.map(({ code }) => newCell(code));
  const { paths: [main], ...rest } = newNotebook();
  notebook.value = { ...rest, paths: [{ ...main, cells }] };
}

function changePath(id: string, change: (path: NotebookPath) => NotebookPath): void {
  const { paths, ...rest } = notebook.value;
  notebook.value = { ...rest, paths: paths.map((path) => path.id === id ? change(path) : path) };
}

export function changeCell(pathId: string, cellId: string, change: (cell: Cell) => Cell): void {
  changePath(pathId, ({ cells, ...path }) => ({
    ...path,
    cells: cells.map((cell) => cell.id === cellId ? change(cell) : cell),
  }));
}

/** Adds a cell below another one, and returns it. */
export function addCell(pathId: string, below: string): Cell {
  const cell = newCell();
  changePath(pathId, ({ cells, ...path }) => {
    const at = cells.findIndex(({ id }) => id === below) + 1;
    return { ...path, cells: [...cells.slice(0, at), cell, ...cells.slice(at)] };
  });
  return cell;
}

export function removeCell(pathId: string, cellId: string): void {
  changePath(pathId, ({ cells, ...path }) => {
    const left = cells.filter(({ id }) => id !== cellId);
    return { ...path, cells: left.length === 0 ? [newCell()] : left };
  });
}

export function noteState(pathId: string, state_id: string): void {
  changePath(pathId, (path) => ({ ...path, state_id }));
}

export function show(id: string): void {
  notebook.value = { ...notebook.value, shown: id };
}

/** A new path that begins as another one is, with its cells up to one of them. Returns its id. */
export function addBranch(fromId: string, cellId: string): string {
  const { paths, ...rest } = notebook.value;
  const from = paths.find(({ id }) => id === fromId) ?? paths[0];
  const cells = from.cells.slice(0, from.cells.findIndex(({ id }) => id === cellId) + 1);
  const id = `branch-${paths.length}`;
  const branch = {
    id,
    from: { id: from.id, cells: cells.length },
    state_id: null,
    cells: [...cells.map((cell) => ({ ...cell, id: crypto.randomUUID() })), newCell()],
  };
  notebook.value = { ...rest, shown: id, paths: [...paths, branch] };
  return id;
}
