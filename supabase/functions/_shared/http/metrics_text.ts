/**
 * Metrics as text: Prometheus' format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats) and OpenMetrics 1.0
 * (github.com/prometheus/OpenMetrics). For gauges, which all of ours are, they differ in the last line alone.
 */

export interface Gauge {
  /** With its unit as the suffix, where it has one. */
  readonly name: string;
  /** One line of words, without quotes or backslashes. */
  readonly help: string;
  readonly samples: readonly Sample[];
}

export interface Sample {
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
}

/** The text of these gauges. */
export function metricsText(gauges: readonly Gauge[], format: "prometheus" | "openmetrics"): string {
  const lines = gauges.flatMap(({ name, help, samples }) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} gauge`,
    ...samples.map(({ value, labels = {} }) => `${name}${labelsText(labels)} ${value}`),
  ]);
  return [...lines, ...(format === "openmetrics" ? ["# EOF"] : []), ""].join("\n");
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escape(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
