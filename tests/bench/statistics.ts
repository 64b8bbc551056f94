/** The middle one; of an even number, the upper of the two. */
export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** The smallest value that this many percent do not exceed. NaN of none. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * percent / 100))] ?? NaN;
}

/** The median of each pair's ratio: what slows the machine for a while slows both of a pair. */
export function medianRatio(numerators: readonly number[], denominators: readonly number[]): number {
  return median(numerators.map((numerator, index) => numerator / denominators[index]));
}

/** The median of each pair's difference, for the same reason. */
export function medianDifference(minuends: readonly number[], subtrahends: readonly number[]): number {
  return median(minuends.map((minuend, index) => minuend - subtrahends[index]));
}
