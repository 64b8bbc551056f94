/** What this process's children, and theirs, have in memory. */
import { descendants } from "../../support/processes.ts";

/** In bytes; what several of them share counts once. */
export function childrenBytes(): number {
  return descendants(Deno.pid).reduce((sum, { pid }) => pid === Deno.pid ? sum : sum + proportionalBytes(pid), 0);
}

function proportionalBytes(pid: number): number {
  return Number(/^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) * 1024;
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    // It has ended, or is not ours to see.
    return "";
  }
}
