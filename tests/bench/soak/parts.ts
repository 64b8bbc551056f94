/** The processes of a local stack by the part that they belong to, and the memory of each, as Linux has both. */
import type { Stack } from "../../../local/stack.ts";
import { descendants } from "../../support/processes.ts";

/** What is watched. The stack's own process holds the gateway, Auth and the sandbox server, and the callers too. */
export const PARTS = [
  "functions",
  "PostgREST",
  "Postgres, all backends",
  "stack and sandbox server",
  "kernels",
] as const;
type Part = typeof PARTS[number];

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
