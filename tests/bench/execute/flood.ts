import assert from "node:assert/strict";
import { startStack } from "../../../local/stack.ts";
import { invoke, newPath, user } from "../../support/clients.ts";

const MEGABYTE = 2 ** 20;

export interface Flood {
  /** How far the resident memory of the function's process rose above what it was, at most. */
  readonly grown_mb: number;
  /** What the process computed for it, in seconds. */
  readonly cpu_s: number;
  readonly took_s: number;
}

/** Lets code print 500 MB, on a stack of its own whose function process has answered one call before. */
export async function measureFlood(): Promise<Flood> {
  const stack = await startStack();
  let timer: ReturnType<typeof setInterval> | undefined;
  try {
    const client = await user(stack);
    const path = newPath();
    await invoke(client, "execute-code", { ...path, code: "line = 'x' * 79 + '\\n'" });
    const [{ pid }] = stack.functions.processes;
    const before = look(pid);
    const begun = performance.now();
    let most = before.resident;
    timer = setInterval(() => {
      most = Math.max(most, look(pid).resident);
    }, 20);
    const code = "for _ in range(500): print(line * 12500, end='')";
    const { execution } = await invoke(client, "execute-code", { ...path, code, timeout_ms: 45_000 });
    assert.equal(execution.status, "ok");
    assert.equal(execution.truncated?.stdout, 500_000_000 - 20_000);
    const after = look(pid);
    return {
      grown_mb: Math.round((Math.max(most, after.resident) - before.resident) / MEGABYTE),
      cpu_s: Math.round((after.cpu - before.cpu) * 10) / 10,
      took_s: Math.round((performance.now() - begun) / 100) / 10,
    };
  } finally {
    clearInterval(timer);
    await stack.stop();
  }
}

/** A process, as Linux accounts for it: its resident memory in bytes, and its computing time in seconds. */
function look(pid: number): { resident: number; cpu: number } {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  // Behind the program's name, which may hold anything: the 12th and 13th are ticks of a hundredth of a second.
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1].split(" ");
  return {
    resident: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024,
    cpu: (Number(fields[11]) + Number(fields[12])) / 100,
  };
}
