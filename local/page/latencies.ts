/** What the functions' log says of their requests: how many there were, and how long they took. */
import { z } from "zod";

/** Most requests of a function that are remembered. */
const REQUESTS = 1_000;

const lineSchema = z.object({ function: z.string(), duration_ms: z.number() });

export interface Latency {
  readonly name: string;
  /** In milliseconds. */
  readonly p50: number;
  readonly p95: number;
  readonly count: number;
}

export class Latencies {
  readonly #spent = new Map<string, number[]>();

  note(line: string): void {
    const parsed = lineSchema.safeParse(parse(line.replace(/^\[[^\]]*\] /, "")));
    if (!parsed.success) return;
    const { function: name, duration_ms } = parsed.data;
    const spent = this.#spent.get(name) ?? [];
    this.#spent.set(name, spent);
    spent.push(duration_ms);
    if (spent.length > REQUESTS) spent.shift();
  }

  list(): Latency[] {
    return Array.from(this.#spent, ([name, spent]) => {
      const sorted = spent.toSorted((a, b) => a - b);
      const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
      return { name, p50: at(0.5), p95: at(0.95), count: spent.length };
    }).sort((a, b) => a.name < b.name ? -1 : 1);
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
