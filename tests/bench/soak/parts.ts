/** The processes of a local stack by the part that they belong to, and the memory of each, as Linux has both. */
import type { Stack } from "../../../local/stack.ts";

/** What is watched. The stack's own process holds the gateway, Auth and the sandbox server, and the callers too. */
export const PARTS = [
  "functions",
  "PostgREST",
  "Postgres, all backends",
  "stack and sandbox server",
  "kernels",
] as const;
type Part = typeof PARTS[number];

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** Each part's own memory in MiB: without what is mapped from files, and without what Postgres' backends share. */
export function memoryOf(stack: Stack): Record<string, number> {
  const functions = new Set(stack.functions.processes.map(({ pid }) => pid));
  const memory: Record<string, number> = Object.fromEntries(PARTS.map((part) => [part, 0]));
  for (const { pid, command } of descendants(Deno.pid)) {
    const part = pid === Deno.pid ? "stack and sandbox server" : functions.has(pid) ? "functions" : PROGRAMS[command];
    if (part !== undefined) memory[part] += anonymousMebibytes(pid);
  }
  return memory;
}

const PROGRAMS: Readonly<Record<string, Part | undefined>> = {
  postgrest: "PostgREST",
  postgres: "Postgres, all backends",
  deno: "kernels",
};

/** A process, its children, and theirs. */
function descendants(root: number): Process[] {
  const all: Process[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = read(Number(name), "stat");
    // "pid (command) state ppid …", and a command may hold anything.
    const [, command, parent] = /^\d+ \((.*)\) \S (\d+)/s.exec(stat ?? "") ?? [];
    if (command !== undefined) all.push({ pid: Number(name), parent: Number(parent), command });
  }
  const found = all.filter(({ pid }) => pid === root);
  for (const { pid } of found) found.push(...all.filter(({ parent }) => parent === pid));
  return found;
}

function anonymousMebibytes(pid: number): number {
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(read(pid, "status") ?? "")?.[1] ?? 0) / 1024;
}

/** Undefined for a process that has ended meanwhile. */
function read(pid: number, file: string): string | undefined {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/${file}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || /ESRCH|No such process/.test(String(error))) return undefined;
    throw error;
  }
}
