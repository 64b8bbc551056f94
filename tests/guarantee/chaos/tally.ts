/** What is counted while chaos reigns. */

export interface Tally {
  operations: number;
  /** Forks that came to a kernel's word. */
  branches: number;
  /** Answers of those who woke a sandbox. */
  wakes: number;
  faults: Record<string, number>;
  kills: number;
  /** Of what callers were told, by code. */
  errors: Record<string, number>;
  retryable_errors: number;
  fatal_errors: number;
  /** What must not be, in words. */
  violations: string[];
}

export function newTally(): Tally {
  return {
    operations: 0,
    branches: 0,
    wakes: 0,
    faults: {},
    kills: 0,
    errors: {},
    retryable_errors: 0,
    fatal_errors: 0,
    violations: [],
  };
}
