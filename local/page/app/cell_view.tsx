import { useEffect, useRef } from "preact/hooks";
import { createEditor, namesIn } from "./editor.ts";
import { dropCell, runCell, stopCell } from "./execution.ts";
import { FailureView } from "./failure_view.tsx";
import { addCell, type Cell, changeCell, type NotebookPath } from "./notebook.ts";
import { PieceView } from "./piece_view.tsx";
import type { Run } from "./run.ts";
import { branchFrom, isBranching } from "./tabs_view.tsx";
import { now } from "./states.ts";

interface CellProps {
  readonly path: NotebookPath;
  readonly cell: Cell;
  readonly number: number;
}

export function CellView({ path, cell, number }: CellProps) {
  const place = useRef<HTMLDivElement>(null);
  // The editor has the newest code, which a key's press must not wait for.
  const code = useRef(cell.code);
  const run = () => {
    void runCell(path.id, cell.id, code.current);
    const next = path.cells[number];
    focusCell(next === undefined ? addCell(path.id, cell.id).id : next.id);
  };
  const drop = () => {
    const near = path.cells[number] ?? path.cells[number - 2];
    dropCell(path.id, cell.id);
    if (near !== undefined) focusCell(near.id);
  };
  const onRun = useRef(run);
  onRun.current = run;
  const cells = useRef(path.cells);
  cells.current = path.cells;

  useEffect(() => {
    if (place.current === null) return;
    const editor = createEditor(place.current, {
      code: cell.code,
      label: `Code of cell ${number}`,
      onChange: (text) => {
        code.current = text;
        changeCell(path.id, cell.id, (cell) => ({ ...cell, code: text }));
      },
      onRun: () => onRun.current(),
      names: () => cells.current.flatMap(({ code }) => namesIn(code)),
    });
    if (awaited === cell.id) {
      awaited = null;
      editor.focus();
    }
    return () => editor.destroy();
  }, [path.id, cell.id]);

  const isRunning = cell.run !== null && cell.run.took === null;
  return (
    <article class="cell" aria-label={`Cell ${number}`} data-cell={cell.id}>
      <div class="code" ref={place} />
      <div class="bar">
        {isRunning
          ? <button type="button" class="stop" onClick={() => stopCell(cell.id)}>Stop</button>
          : <button type="button" class="run" title="Shift-Enter" onClick={run}>Run</button>}
        {cell.run !== null && <Ending run={cell.run} />}
        <span class="more">
          <button
            type="button"
            title="A path that begins with the variables as they are now, and with the cells down to this one"
            disabled={isBranching.value}
            onClick={() => branchFrom(path, cell)}
          >
            Branch from here
          </button>
          <button type="button" onClick={drop} aria-label={`Remove cell ${number}`}>
            Remove
          </button>
        </span>
      </div>
      {cell.run !== null && <Output run={cell.run} number={number} />}
    </article>
  );
}

/** The cell that is to have the focus when it is there. */
let awaited: string | null = null;

function focusCell(id: string): void {
  const editor = document.querySelector<HTMLElement>(`[data-cell="${id}"] .cm-content`);
  awaited = editor === null ? id : null;
  editor?.focus();
}

const STATUSES = new Map([
  ["timed_out", "ran out of time"],
  ["output_limit", "said too much"],
  ["cancelled", "stopped"],
  ["cut_off", "cut off, because its worker had to end"],
]);

function Ending({ run }: { readonly run: Run }) {
  if (run.took === null) {
    return <span class="ending" aria-hidden="true">{seconds(Math.max(0, now.value - run.begun_at))}</span>;
  }
  const how = run.status === null ? undefined : STATUSES.get(run.status);
  return (
    <span class="ending" title={run.timing ?? undefined}>
      {seconds(run.took)}
      {how !== undefined && `, ${how}`}
      {run.timing !== null && <small>{` · ${run.timing}`}</small>}
    </span>
  );
}

function seconds(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

function Output({ run, number }: { readonly run: Run; readonly number: number }) {
  return (
    <section class="output" aria-label={`Output of cell ${number}`} aria-live="polite" aria-busy={run.took === null}>
      {run.note !== null && <p class="note" role="status">{run.note}</p>}
      {run.pieces.map((piece, at) => <PieceView key={at} piece={piece} />)}
      {run.failure !== null && <FailureView failure={run.failure} />}
    </section>
  );
}
