/** What code has said and shown. All of it comes from a sandbox: nothing of it is ever markup of this page. */
import { signal } from "@preact/signals";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { withoutColours } from "../../../supabase/functions/_shared/words/answer.ts";
import { type Chart, chartOf, drawChart } from "./chart.ts";
import type { Piece } from "./run.ts";
import { type Table, type TableCell, tableOf } from "./table.ts";

export function PieceView({ piece }: { readonly piece: Piece }) {
  switch (piece.kind) {
    case "text":
      return <pre class={piece.stream}>{piece.text}</pre>;
    case "error":
      return (
        <details class="traceback">
          <summary>{`${piece.name}: ${piece.value}`}</summary>
          <pre>{withoutColours(piece.traceback)}</pre>
        </details>
      );
    case "result":
      return <ResultView result={piece.result} />;
  }
}

function ResultView({ result }: { readonly result: Record<string, unknown> }) {
  const { png, jpeg, svg, html, markdown, latex, text, json } = result;
  const chart = useMemo(() => chartOf(result.chart), [result]);
  const table = useMemo(() => typeof html === "string" ? tableOf(html) : null, [result]);
  const said = typeof text === "string" ? text : "a picture";
  const picture = typeof png === "string"
    ? `data:image/png;base64,${png.trim()}`
    : typeof jpeg === "string"
    ? `data:image/jpeg;base64,${jpeg.trim()}`
    // As a picture it can neither run scripts nor load anything.
    : typeof svg === "string"
    ? `data:image/svg+xml,${encodeURIComponent(svg)}`
    : null;
  if (chart !== null) return <ChartView chart={chart} picture={picture} />;
  if (picture !== null) return <img src={picture} alt={said} />;
  if (table !== null) return <TableView table={table} />;
  const words = [markdown, latex, text].find((words) => typeof words === "string") ??
    (typeof html === "string" ? textOf(html) : undefined);
  return <pre class="result">{typeof words === "string" ? words : JSON.stringify(json ?? result, null, 2)}</pre>;
}

/** What markup says, when what it does is left out. */
function textOf(html: string): string {
  return new DOMParser().parseFromString(html, "text/html").body.textContent.trim();
}

function TableView({ table: { head, rows } }: { readonly table: Table }) {
  const row = (cells: readonly TableCell[], scope: "col" | "row") =>
    cells.map(({ text, isHead, colSpan, rowSpan }, at) =>
      isHead
        ? <th key={at} scope={scope} colSpan={colSpan} rowSpan={rowSpan}>{text}</th>
        : <td key={at} colSpan={colSpan} rowSpan={rowSpan}>{text}</td>
    );
  return (
    <div class="table" tabIndex={0} role="region" aria-label="A table">
      <table>
        <thead>{head.map((cells, at) => <tr key={at}>{row(cells, "col")}</tr>)}</thead>
        <tbody>{rows.map((cells, at) => <tr key={at}>{row(cells, "row")}</tr>)}</tbody>
      </table>
    </div>
  );
}

const scheme = matchMedia("(prefers-color-scheme: light)");
const isLight = signal(scheme.matches);
scheme.addEventListener("change", () => isLight.value = scheme.matches);

/** Drawn anew, to suit the page; what that leaves out is in the kernel's own picture. */
function ChartView({ chart, picture }: { readonly chart: Chart; readonly picture: string | null }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [isOriginal, setOriginal] = useState(false);
  const light = isLight.value;
  useEffect(
    () => canvas.current === null ? undefined : drawChart(canvas.current, chart),
    [chart, light, isOriginal],
  );
  const name = chart.title === "" ? "A chart" : `Chart: ${chart.title}`;
  return (
    <figure class="chart">
      <figcaption>
        {chart.title}
        {picture !== null && (
          <button type="button" aria-pressed={isOriginal} onClick={() => setOriginal(!isOriginal)}>
            As the kernel drew it
          </button>
        )}
      </figcaption>
      {isOriginal && picture !== null ? <img src={picture} alt={name} /> : (
        <div>
          <canvas ref={canvas} role="img" aria-label={name} />
        </div>
      )}
    </figure>
  );
}
