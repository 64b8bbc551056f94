/** What this process's children, and theirs, have in memory. */

interface Process {
  readonly pid: number;
  readonly parent: number;
}

/** In bytes; what several of them share counts once. */
export function childrenBytes(): number {
  const all = Array.from(Deno.readDirSync("/proc"), ({ name }) => Number(name)).filter(Number.isInteger).flatMap(look);
  const below = new Set([Deno.pid]);
  // A child is listed after its parent, but for those whose numbers have begun anew.
  for (let size = 0; size !== below.size;) {
    size = below.size;
    for (const { pid, parent } of all) if (below.has(parent)) below.add(pid);
  }
  below.delete(Deno.pid);
  return [...below].reduce((sum, pid) => sum + proportionalBytes(pid), 0);
}

function look(pid: number): Process[] {
  const parent = /^PPid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1];
  return parent === undefined ? [] : [{ pid, parent: Number(parent) }];
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
