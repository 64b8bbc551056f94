/** What code has said and shown. All of it comes from a sandbox: nothing of it is ever markup of this page. */
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { type Chart, chartOf, drawChart } from "./chart.ts";
import type { Piece } from "./run.ts";
import { type Table, tableOf } from "./table.ts";

export function PieceView({ piece }: { readonly piece: Piece }) {
  switch (piece.kind) {
    case "text":
      return <pre class={piece.stream}>{piece.text}</pre>;
    case "error":
      return (
        <details class="traceback">
          <summary>{`${piece.name}: ${piece.value}`}</summary>
          <pre>{piece.traceback.replaceAll(COLOURS, "")}</pre>
        </details>
      );
    case "result":
      return <ResultView result={piece.result} />;
  }
}

// deno-lint-ignore no-control-regex -- IPython colours its tracebacks
const COLOURS = /\x1b\[[\d;]*m/g;

function ResultView({ result }: { readonly result: Record<string, unknown> }) {
  const { png, jpeg, svg, html, markdown, text, json } = result;
  const chart = chartOf(result.chart);
  if (chart !== null) return <ChartView chart={chart} />;
  const said = typeof text === "string" ? text : "a picture";
  if (typeof png === "string") return <img src={`data:image/png;base64,${png.trim()}`} alt={said} />;
  if (typeof jpeg === "string") return <img src={`data:image/jpeg;base64,${jpeg.trim()}`} alt={said} />;
  // As a picture it can neither run scripts nor load anything.
  if (typeof svg === "string") return <img src={`data:image/svg+xml,${encodeURIComponent(svg)}`} alt={said} />;
  const table = typeof html === "string" ? tableOf(html) : null;
  if (table !== null) return <TableView table={table} />;
  if (typeof markdown === "string") return <pre class="result">{markdown}</pre>;
  if (typeof text === "string") return <pre class="result">{text}</pre>;
  return <pre class="result">{JSON.stringify(json ?? result, null, 2)}</pre>;
}

function TableView({ table: { head, rows } }: { readonly table: Table }) {
  return (
    <div class="table" tabIndex={0} role="region" aria-label="A table">
      <table>
        <thead>
          {head.map((cells, at) => <tr key={at}>{cells.map((cell, at) => <th key={at} scope="col">{cell}</th>)}</tr>)}
        </thead>
        <tbody>
          {rows.map(({ label, cells }, at) => (
            <tr key={at}>
              {label.map((cell, at) => <th key={at} scope="row">{cell}</th>)}
              {cells.map((cell, at) => <td key={at}>{cell}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const scheme = matchMedia("(prefers-color-scheme: light)");
const isLight = signal(scheme.matches);
scheme.addEventListener("change", () => isLight.value = scheme.matches);

function ChartView({ chart }: { readonly chart: Chart }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const light = isLight.value;
  useEffect(() => canvas.current === null ? undefined : drawChart(canvas.current, chart), [chart, light]);
  return (
    <figure class="chart">
      {chart.title !== "" && <figcaption>{chart.title}</figcaption>}
      <div>
        <canvas ref={canvas} role="img" aria-label={chart.title === "" ? "A chart" : `Chart: ${chart.title}`} />
      </div>
    </figure>
  );
}
