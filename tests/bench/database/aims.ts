/** The figures by name, the aims, and both in words. */
import type { DeletionFigures, ExpiryFigures } from "./deletion.ts";
import type { LatencyFigures } from "./latency.ts";
import type { LookFigures } from "./look.ts";
import type { HistoryFigures, TouchFigures } from "./touch.ts";

export interface Figures
  extends TouchFigures, HistoryFigures, ExpiryFigures, DeletionFigures, LatencyFigures, LookFigures {
  readonly rows: number;
}

export interface Aim {
  readonly text: string;
  readonly figure: keyof Figures;
  readonly isMet: (figures: Figures) => boolean;
}

/** What the database is meant to reach. Ratios only: they hold on other machines too. */
export const AIMS: readonly Aim[] = [
  { text: "touch, of the seed's select and touch: at least 3", ...atLeast("touch_vs_seed", 3) },
  { text: "touch, of a read: at least 0.5", ...atLeast("touch_vs_read", 0.5) },
  { text: "touch with a long history, of one with a short: at least 0.9", ...atLeast("history_ratio", 0.9) },
  { text: "clean-up's time, of a plain DELETE's: at most 1.3", ...atMost("cleanup_vs_delete", 1.3) },
  { text: "p99 of acquire during the clean-up, of without: at most 1.3", ...atMost("p99_ratio", 1.3) },
];

/** A line each figure, then a line each aim. */
export function inWords(figures: Figures): string {
  const count = (value: number) => Math.round(value).toLocaleString("en");
  const lines = [
    ["touch", `${count(figures.touch_per_second)} a second`],
    ["seed's select and touch", `${count(figures.seed_select_touch_per_second)} a second`],
    ["durable update", `${count(figures.durable_update_per_second)} a second`],
    ["read", `${count(figures.read_per_second)} a second`],
    ["touch of durable update", figures.touch_vs_update.toFixed(2)],
    ["HOT updates", `${(100 * figures.hot_share).toFixed(1)} %, with ${count(figures.rows)} ended contexts`],
    ["expiry", `${count(figures.expire_rows_per_second)} rows a second`],
    ["clean-up", `${count(figures.cleanup_rows_per_second)} rows a second`],
    ["plain batched DELETE", `${count(figures.delete_rows_per_second)} rows a second`],
    ["p99 of acquire", duringCleanup(figures.acquire_p99_ms, figures.acquire_p99_with_cleanup_ms)],
    ["p99 of a new path's life", duringCleanup(figures.create_p99_ms, figures.create_p99_with_cleanup_ms)],
    ["health", `${figures.health_p50_ms.toFixed(1)} ms, p99 ${figures.health_p99_ms.toFixed(1)} ms`],
    ["overview", `${figures.overview_p50_ms.toFixed(1)} ms, p99 ${figures.overview_p99_ms.toFixed(1)} ms`],
  ];
  return [
    ...lines.map(([name, value]) => `${name.padEnd(26)}${value}`),
    "",
    ...AIMS.map(({ text, figure, isMet }) =>
      `${isMet(figures) ? "met   " : "MISSED"}  ${figures[figure].toFixed(2).padStart(5)}  ${text}`
    ),
  ].join("\n");
}

function duringCleanup(without: number, during: number): string {
  return `${without.toFixed(2)} ms, during the clean-up ${during.toFixed(2)} ms`;
}

function atLeast(figure: keyof Figures, limit: number): Omit<Aim, "text"> {
  return { figure, isMet: (figures) => figures[figure] >= limit };
}

function atMost(figure: keyof Figures, limit: number): Omit<Aim, "text"> {
  return { figure, isMet: (figures) => figures[figure] <= limit };
}
