/** One user worker, from its birth to its end: a process that serves one function. */

import { type Child, spawnChild } from "../../child.ts";
import { LOOPBACK } from "../../port.ts";
import { forward } from "../../proxy.ts";
import { problem } from "../problem.ts";
import type { EdgeFunction } from "../project.ts";
import type { Command } from "./commands.ts";
import type { EndReason } from "./events.ts";
import type { WorkerLimits } from "./limits.ts";
import { readReport } from "./reports.ts";
import { supervise } from "./supervisor.ts";

export interface WorkerOptions {
  /** What runs its process, up to the arguments that name the function. */
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly limits: WorkerLimits;
  /** Called with each line that the function prints. */
  readonly onLog: (line: string) => void;
}

export interface UserWorker {
  /** It takes no more requests. One that should retire while it boots takes those that it was booted for. */
  readonly isRetired: boolean;
  readonly call: (request: Request) => Promise<Response>;
  /** Settles when its process is gone. */
  readonly ended: Promise<unknown>;
  /** Ends it, at once if it has nothing to do, or else after `grace`, in milliseconds. */
  readonly stop: (grace: number) => Promise<void>;
}

/** Thrown when a function used up its CPU time while its modules were evaluated. */
export class OverCpuTime extends Error {
  override readonly name = "OverCpuTime";

  constructor(edgeFunction: string, options: ErrorOptions) {
    super(`The function ${edgeFunction} used up its CPU time while it was imported`, options);
  }
}

/**
 * Its clocks begin at once, those of its CPU time when its modules are evaluated.
 * @throws {OverCpuTime}
 * @throws {ChildExited} with the last log lines when the function cannot be imported
 */
export async function bootWorker({ name, entrypoint }: EdgeFunction, options: WorkerOptions): Promise<UserWorker> {
  const { limits, onLog } = options;
  const [command, ...args] = options.command;
  const child = spawnChild({
    name: "The function's worker",
    command,
    args: [...args, name, entrypoint, String(limits.memoryMebibytes)],
    env: options.env,
    // It must not outlive a crash of what started it.
    sharesGroup: true,
    onLine: (line) => {
      const said = readReport(line);
      if (said === undefined) onLog(line);
      else if (said.report === "memory_reached") end("memory");
    },
  });
  const tell = (command: Command) => child.send(JSON.stringify(command));
  let isBooted = false;
  let isRetired = false;
  let retiresOnceCalled = false;
  let sent = 0;
  let endedBy: EndReason | undefined;

  // What has arrived there, it counts itself.
  const dropIfIdle = () => void (isRetired && sent === 0 && tell({ command: "drop" }));
  const retire = () => {
    // Or a function that takes long to import would never answer: each worker of it would be gone before its request.
    if (!isBooted) retiresOnceCalled = true;
    else {
      isRetired = true;
      dropIfIdle();
    }
  };
  const end = (reason: EndReason) => {
    isRetired = true;
    if (endedBy === undefined) onLog(`The worker of ${name} has used up its ${LIMITS[reason]}`);
    endedBy = reason;
    child.kill();
  };
  const clocks = supervise({
    pid: child.pid,
    retire,
    warn: (reason) => void tell({ command: "beforeunload", reason }),
    suspectMemory: () => void tell({ command: "look_at_memory" }),
    end,
  }, limits);
  const ended = child.exited.then(() => {
    clocks.stop();
    isRetired = true;
  });

  const boot = async () => {
    await child.line((line) => readReport(line)?.report === "loaded" || undefined);
    clocks.countCpu();
    await tell({ command: "evaluate" });
    return await child.line((line) => {
      const said = readReport(line);
      return said?.report === "ready" ? said.port : undefined;
    });
  };
  let port: number;
  try {
    port = await boot();
    isBooted = true;
  } catch (error) {
    throw endedBy === "cpu" ? new OverCpuTime(name, { cause: error }) : error;
  }

  const call = async (request: Request) => {
    const { pathname, search } = new URL(request.url);
    const idle = new AbortController();
    const impatience = setTimeout(() => idle.abort(), limits.idleSeconds * 1000);
    if (retiresOnceCalled) isRetired = true;
    sent++;
    try {
      const signal = AbortSignal.any([request.signal, idle.signal]);
      return await forward(request, new URL(pathname + search, `http://${LOOPBACK}:${port}`), { signal });
    } catch (error) {
      if (request.signal.aborted) throw error;
      if (idle.signal.aborted) return problem("IDLE_TIMEOUT");
      // The connection broke. Why its process ended is known only when it has; it may not have at all.
      if (endedBy === undefined) await Promise.race([ended, after(LAST_LINES_WITHIN_MS)]);
      return problem(endedBy !== undefined || isOutOfMemory(child) ? "WORKER_LIMIT" : "WORKER_ERROR");
    } finally {
      // The signal is the body's too, which may take longer.
      clearTimeout(impatience);
      sent--;
      dropIfIdle();
    }
  };
  return {
    get isRetired() {
      return isRetired;
    },
    call,
    ended,
    stop: async (grace) => {
      retire();
      const impatience = setTimeout(() => child.kill(), grace);
      await ended;
      clearTimeout(impatience);
    },
  };
}

const LAST_LINES_WITHIN_MS = 1000;

function after(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

const LIMITS = { cpu: "CPU time", memory: "memory", wall_clock: "wall clock", early_drop: "work" };

/** V8 ends the process where the runtime ends the worker. */
function isOutOfMemory(child: Child): boolean {
  return /JavaScript out of memory|JavaScript heap out of memory/.test(child.log());
}
