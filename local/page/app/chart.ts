/** Charts that E2B's kernels tell of beside the picture: drawn anew, so that they suit the page. */
import {
  ArcElement,
  BarController,
  BarElement,
  CategoryScale,
  Chart as Drawing,
  type ChartConfiguration,
  Legend,
  LinearScale,
  LineController,
  LineElement,
  PieController,
  PointElement,
  ScatterController,
  Tooltip,
} from "chart.js";
import * as z from "zod/mini";

Drawing.register(
  ArcElement,
  BarController,
  BarElement,
  CategoryScale,
  Legend,
  LinearScale,
  LineController,
  LineElement,
  PieController,
  PointElement,
  ScatterController,
  Tooltip,
);

const titles = { title: z._default(z.nullable(z.string()), null) };
const axes = { x_label: z._default(z.nullable(z.string()), null), y_label: z._default(z.nullable(z.string()), null) };
/** Times, logarithms and words along a line are left to the kernel's picture. */
const scales = { x_scale: z.optional(z.literal("linear")), y_scale: z.optional(z.literal("linear")) };
const bars = { x_scale: z.optional(z.enum(["linear", "categorical"])), y_scale: z.optional(z.literal("linear")) };

const chartSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.enum(["line", "scatter"]),
    ...titles,
    ...axes,
    ...scales,
    elements: z.array(z.object({ label: z.string(), points: z.array(z.tuple([z.number(), z.number()])) })),
  }),
  z.object({
    type: z.literal("bar"),
    ...titles,
    ...axes,
    ...bars,
    elements: z.array(z.object({ label: z.string(), value: z.coerce.number(), group: z._default(z.string(), "") })),
  }),
  z.object({
    type: z.literal("pie"),
    ...titles,
    elements: z.array(z.object({ label: z.string(), angle: z.number() })),
  }),
]);

export interface Chart {
  readonly title: string;
  readonly config: (colours: readonly string[]) => Pick<ChartConfiguration, "type" | "data">;
  readonly axes: readonly [x: string, y: string] | null;
  readonly hasNumbers: boolean;
}

/** Null where there is none, or it is of a kind that is shown as a picture. */
export function chartOf(given: unknown): Chart | null {
  const parsed = chartSchema.safeParse(given);
  if (!parsed.success) return null;
  const chart = parsed.data;
  const title = chart.title ?? "";
  switch (chart.type) {
    case "line":
    case "scatter":
      return {
        title,
        axes: [chart.x_label ?? "", chart.y_label ?? ""],
        hasNumbers: true,
        config: (colours) => ({
          type: chart.type,
          data: {
            datasets: chart.elements.map(({ label, points }, at) => ({
              // The kernel's, or Matplotlib's, names for what has none.
              label: /^(_|Line \d+$)/.test(label) ? "" : label,
              data: points.map(([x, y]) => ({ x, y })),
              borderColor: colours[at % colours.length],
              backgroundColor: colours[at % colours.length],
              pointRadius: chart.type === "line" ? 0 : 3,
            })),
          },
        }),
      };
    case "bar": {
      const labels = [...new Set(chart.elements.map(({ label }) => label))];
      const groups = [...new Set(chart.elements.map(({ group }) => group))];
      return {
        title,
        axes: [chart.x_label ?? "", chart.y_label ?? ""],
        hasNumbers: false,
        config: (colours) => ({
          type: "bar",
          data: {
            labels,
            datasets: groups.map((group, at) => ({
              // The kernel's name for bars that have none.
              label: groups.length === 1 ? "" : group,
              data: labels.map((label) =>
                chart.elements.find((one) => one.label === label && one.group === group)?.value ?? 0
              ),
              backgroundColor: colours[at % colours.length],
            })),
          },
        }),
      };
    }
    case "pie":
      return {
        title,
        axes: null,
        hasNumbers: false,
        config: (colours) => ({
          type: "pie",
          data: {
            labels: chart.elements.map(({ label }) => label),
            datasets: [{
              data: chart.elements.map(({ angle }) => angle),
              backgroundColor: chart.elements.map((_, at) => colours[at % colours.length] ?? ""),
            }],
          },
        }),
      };
  }
}

/** A variable of the style sheet, as it is in this light: the canvas does not know of light and dark. */
function colourOf(canvas: HTMLElement, name: string): string {
  canvas.style.color = `var(${name})`;
  const { color } = getComputedStyle(canvas);
  canvas.style.color = "";
  return color;
}

const COLOURS = ["--chart-1", "--chart-2", "--chart-3", "--chart-4", "--chart-5", "--chart-6"];

/** Draws it, and returns what takes it away again. */
export function drawChart(canvas: HTMLCanvasElement, chart: Chart): () => void {
  const colour = (name: string) => colourOf(canvas, name);
  const { type, data } = chart.config(COLOURS.map(colour));
  const axis = (text: string) => ({
    title: { display: text !== "", text, color: colour("--text") },
    ticks: { color: colour("--quiet") },
    grid: { color: colour("--line") },
  });
  const scales = chart.axes === null ? {} : {
    x: { type: chart.hasNumbers ? "linear" as const : "category" as const, ...axis(chart.axes[0]) },
    y: axis(chart.axes[1]),
  };
  const names = data.datasets.some(({ label }) => label !== undefined && label !== "") || type === "pie";
  const drawing = new Drawing(canvas, {
    type,
    data,
    options: {
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      scales,
      plugins: { legend: { display: names, labels: { color: colour("--text") } } },
    },
  });
  return () => drawing.destroy();
}
