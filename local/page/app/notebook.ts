/** The notebook: a conversation, its paths, their cells. */
import { computed, signal } from "@preact/signals";
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

export const notebookSchema = z.object({ conversation_id: z.string(), shown: z.string(), paths: z.array(pathSchema) });
export type Notebook = z.infer<typeof notebookSchema>;

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

export const notebook = signal(newNotebook());

export const shownPath = computed(() => {
  const { paths, shown } = notebook.value;
  return paths.find(({ id }) => id === shown) ?? paths[0];
});

/** A new conversation, which has nothing of this one. */
export function beginAnew(): void {
  notebook.value = newNotebook();
}

/** A new conversation with the paths and the code of this one, not run yet. */
export function beginAgain(): void {
  const { shown, paths } = notebook.value;
  const { conversation_id } = newNotebook();
  const again = paths.map((path) => ({ ...path, state_id: null, cells: path.cells.map(({ code }) => newCell(code)) }));
  notebook.value = { conversation_id, shown, paths: again };
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

/** Unless another notebook has been begun since. */
export function noteState(conversationId: string, pathId: string, state_id: string): void {
  if (notebook.value.conversation_id !== conversationId) return;
  changePath(pathId, (path) => ({ ...path, state_id }));
}

/** A path that is of no use any more; the first one stays. */
export function removePath(id: string): void {
  const { shown, paths, ...rest } = notebook.value;
  const left = paths.filter((path) => path.id !== id);
  notebook.value = { ...rest, shown: shown === id ? left[0].id : shown, paths: left };
}

export function show(id: string): void {
  notebook.value = { ...notebook.value, shown: id };
}

/** Of a run that is on, the copy knows nothing. */
function copied({ code, run }: Cell): Cell {
  return { ...newCell(code), run: run?.took === null ? null : run };
}

/** A new path that begins as another one is, with its cells up to one of them. Returns its id. */
export function addBranch(fromId: string, cellId: string): string {
  const { paths, ...rest } = notebook.value;
  const from = paths.find(({ id }) => id === fromId) ?? paths[0];
  const cells = from.cells.slice(0, from.cells.findIndex(({ id }) => id === cellId) + 1);
  const numbers = paths.map(({ id }) => Number(/^branch-(\d+)$/.exec(id)?.[1] ?? 0));
  const id = `branch-${Math.max(...numbers) + 1}`;
  const branch = {
    id,
    from: { id: from.id, cells: cells.length },
    state_id: null,
    cells: [...cells.map(copied), newCell()],
  };
  notebook.value = { ...rest, shown: id, paths: [...paths, branch] };
  return id;
}
