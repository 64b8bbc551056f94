/** The figures by name, the aims, and both in words. */
import { NEW_PATH, STREAM } from "./ours.ts";
import { LATENCIES, named } from "./scene.ts";
import type { Calls } from "./stopwatch.ts";
import { CALLERS, type WaitersFigures } from "./waiters.ts";
import { ANSWER, FIRST_OUTPUT } from "./way.ts";

export interface Row {
  readonly what: string;
  /** By latency. */
  readonly milliseconds: Readonly<Record<string, { readonly p50: number; readonly p95: number }>>;
  /** At a deployment's latency: the calls that were answered by then, those that were under way, and all that there were. */
  readonly before: Calls;
  readonly beside: Calls;
  readonly all: Calls;
}

export interface Figures {
  readonly rows: readonly Row[];
  readonly waiters: readonly WaitersFigures[];
  /** At a deployment's latency, medians of each round's difference. */
  readonly first_output_over_claim_execute_ms: number;
  readonly answer_over_claim_execute_ms: number;
  readonly new_path_over_claim_create_activate_ms: number;
}

export interface Aim {
  readonly text: string;
  readonly figure: (figures: Figures) => number;
  /** What the figure may be at most. */
  readonly most: number;
}

export const AIMS: readonly Aim[] = [
  {
    text: "ms, the first output of a warm run after that of claim + execute",
    figure: ({ first_output_over_claim_execute_ms: over }) => over,
    most: 15,
  },
  {
    text: "ms, the JSON answer of a warm run after the end of claim + execute",
    figure: ({ answer_over_claim_execute_ms: over }) => over,
    most: 15,
  },
  { text: "calls of the database before a warm run's first output", ...calls(STREAM, FIRST_OUTPUT, "database", 1) },
  // It is under way then: the output is in its answer.
  { text: "calls of E2B before a warm run's first output", ...calls(STREAM, FIRST_OUTPUT, "provider", 1) },
  { text: "calls of the database before a new path's answer", ...calls(NEW_PATH, ANSWER, "database", 2) },
  { text: "calls of E2B before a new path's answer", ...calls(NEW_PATH, ANSWER, "provider", 1) },
  ...[1, 4].flatMap((processes): Aim[] => [
    {
      text: `ms, the p95 of ${CALLERS} callers of a new path after who created it, ${processes} processes`,
      figure: (figures) => waiters(figures, processes).p95_ms,
      most: 300,
    },
    {
      text: `sandboxes created for them, ${processes} processes`,
      figure: (figures) => waiters(figures, processes).creates,
      most: 1,
    },
  ]),
];

export function isMet({ figure, most }: Aim, figures: Figures): boolean {
  return figure(figures) <= most;
}

/** A line each figure, then a line each aim. */
export function inWords(figures: Figures): string {
  const latencies = LATENCIES.map(named);
  const width = Math.max(...figures.rows.map(({ what }) => what.length)) + 2;
  return [
    "p50 and p95 in milliseconds, by the milliseconds before the database / before E2B",
    "".padEnd(width) + latencies.map((latency) => latency.padStart(12)).join(""),
    ...figures.rows.map(({ what, milliseconds }) =>
      what.padEnd(width) + latencies.map((latency) => {
        const { p50, p95 } = milliseconds[latency];
        return `${Math.round(p50)} ${String(Math.round(p95)).padStart(4)}`.padStart(12);
      }).join("")
    ),
    "",
    "calls answered by then | under way | all",
    ...figures.rows.map(({ what, before, beside, all }) =>
      what.padEnd(width) + [before, beside, all].map(listed).join(" | ")
    ),
    "",
    `${CALLERS} callers of one new path: p50 and p95 after who created it (after the first answer of as many on a warm path)`,
    ...figures.waiters.map((these) =>
      `${these.processes} processes: ${inMilliseconds(these.p50_ms, these.p95_ms)} ` +
      `(${inMilliseconds(these.warm_p50_ms, these.warm_p95_ms)}); ` +
      `${these.creates} created, ${these.claims} claims and ${these.connects} connects a round`
    ),
    "",
    ...AIMS.map((aim) => {
      const figure = String(Math.round(aim.figure(figures) * 10) / 10).padStart(6);
      return `${isMet(aim, figures) ? "met   " : "MISSED"}  ${figure} of ${aim.most} ${aim.text}`;
    }),
  ].join("\n");
}

function inMilliseconds(p50: number, p95: number): string {
  return `${Math.round(p50)} and ${Math.round(p95)} ms`;
}

function listed({ database, provider }: Calls): string {
  return [...database, ...provider].join(", ") || "none";
}

function calls(way: string, mark: string, to: keyof Calls, most: number): Pick<Aim, "figure" | "most"> {
  const figure = ({ rows }: Figures) => rows.find(({ what }) => what === `${way}: ${mark}`)?.before[to].length ?? NaN;
  return { figure, most };
}

function waiters({ waiters }: Figures, processes: number): WaitersFigures {
  const these = waiters.find((figures) => figures.processes === processes);
  if (!these) throw new Error(`${processes} processes were not measured`);
  return these;
}
