/** Whether a series of samples stays where it is. */
import { median } from "../statistics.ts";

export interface Sample {
  /** Seconds since the first one. */
  readonly at: number;
  readonly value: number;
}

export interface Trend {
  /** The medians of the first and of the last quarter. */
  readonly first: number;
  readonly last: number;
  /** Of the line that fits best, by the hour. */
  readonly slope_per_hour: number;
}

export function trendOf(samples: readonly Sample[]): Trend {
  const values = samples.map(({ value }) => value);
  const quarter = Math.ceil(values.length / 4);
  const meanAt = mean(samples.map(({ at }) => at));
  const meanValue = mean(values);
  const spread = sum(samples.map(({ at }) => (at - meanAt) ** 2));
  const slope = sum(samples.map(({ at, value }) => (at - meanAt) * (value - meanValue))) / spread;
  return {
    first: median(values.slice(0, quarter)),
    last: median(values.slice(-quarter)),
    slope_per_hour: slope * 3600,
  };
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
