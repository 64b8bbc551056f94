/** The processes of this machine: who started whom, and their end. */

export interface Process {
  readonly pid: number;
  readonly parent: number;
  /** The name of its program. */
  readonly command: string;
}

/** A process, its children, and theirs; nothing where it has ended. */
export function descendants(root: number): Process[] {
  return below(running(), new Set([root]));
}

/**
 * Waits until these processes, and those that they start meanwhile, have ended by themselves; ends with SIGKILL what
 * has not after `graceMs`.
 * @throws {Error} when something outlives that too
 */
export async function ended(processes: readonly Process[], graceMs: number): Promise<void> {
  const known = new Set(processes.map(({ pid }) => pid));
  const graceEnds = performance.now() + graceMs;
  for (;;) {
    const left = below(running(), known);
    if (left.length === 0) return;
    for (const { pid } of left) known.add(pid);
    const late = performance.now() - graceEnds;
    if (late > 10_000) {
      throw new Error(`does not end: ${left.map(({ pid, command }) => `${pid} ${command}`).join(", ")}`);
    }
    if (late >= 0) { for (const { pid } of left) kill(pid); }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Those of `roots` that run, and all below them. */
function below(all: readonly Process[], roots: ReadonlySet<number>): Process[] {
  const found = new Set(all.filter(({ pid }) => roots.has(pid)));
  for (const { pid } of found) for (const each of all) if (each.parent === pid) found.add(each);
  return [...found];
}

/** Without those that have ended and whose parents have not asked how: an orphan's new parent may never do. */
function running(): Process[] {
  const found: Process[] = [];
  if (Deno.build.os === "linux") {
    for (const { name } of Deno.readDirSync("/proc")) {
      // "pid (command) state ppid …", and a command may hold anything.
      const [, command, parent] = /^\d+ \((.*)\) [^Z] (\d+)/s.exec(/^\d+$/.test(name) ? stat(name) : "") ?? [];
      if (command !== undefined) found.push({ pid: Number(name), parent: Number(parent), command });
    }
    return found;
  }
  const { stdout } = new Deno.Command("ps", { args: ["-A", "-o", "pid=,ppid=,state=,comm="] }).outputSync();
  const list = new TextDecoder().decode(stdout);
  for (const [, pid, parent, command] of list.matchAll(/^\s*(\d+)\s+(\d+)\s+[^Z]\S*\s+(.*)$/gm)) {
    found.push({ pid: Number(pid), parent: Number(parent), command });
  }
  return found;
}

/** Empty for a process that has ended meanwhile. */
function stat(pid: string): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/stat`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || /ESRCH|No such process/.test(String(error))) return "";
    throw error;
  }
}

function kill(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    // It has ended meanwhile, which is what was wanted.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
