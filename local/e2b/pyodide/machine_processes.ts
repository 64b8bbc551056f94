import type { Child, Signal } from "../machine/machine.ts";
import { Guardian } from "./guardian.ts";
import { watchMemory } from "./memory_watch.ts";

export interface IsolatedProcess {
  readonly exited: Promise<void>;
  /** `verdict` is for whose code it runs. */
  kill(verdict: string): void;
}

interface Running {
  readonly child: Deno.ChildProcess;
  readonly process: IsolatedProcess;
  readonly watch: () => { stop(): void };
  memory: { stop(): void };
  /** Its machine has nothing to do with it any more. */
  release: () => void;
}

/** The processes of one machine. They end with it, or when they have more memory than they may. */
export class MachineProcesses {
  readonly #memoryLimitBytes: number;
  readonly #end: AbortSignal;
  readonly #onStart: (exited: Promise<void>) => void;
  readonly #running = new Set<Running>();
  #guardian: Guardian | undefined;

  /** `onStart` is told of each process when it will be gone. */
  constructor(memoryLimitBytes: number, end: AbortSignal, onStart: (exited: Promise<void>) => void) {
    this.#memoryLimitBytes = memoryLimitBytes;
    this.#end = end;
    this.#onStart = onStart;
  }

  spawn<T extends IsolatedProcess>(command: Deno.Command, hold: (child: Child) => T, what?: "shell"): T {
    if (this.#end.aborted) throw new Error("The sandbox was ended.");
    const child = command.spawn();
    const process = hold(heldBy(child));
    this.#onStart(process.exited);
    const watch = () => watchMemory(child.pid, this.#memoryLimitBytes, (verdict) => process.kill(verdict), what);
    const running = { child, process, watch, memory: watch(), release: () => {} };
    this.#hold(running);
    process.exited.then(() => {
      running.memory.stop();
      running.release();
    });
    return process;
  }

  /** Takes over what was started for nobody yet. */
  adopt(others: MachineProcesses): void {
    for (const running of [...others.#running]) {
      running.release();
      this.#hold(running);
    }
  }

  #hold(running: Running): void {
    this.#running.add(running);
    const kill = () => running.process.kill("The sandbox was ended.");
    this.#end.addEventListener("abort", kill);
    running.release = () => {
      this.#end.removeEventListener("abort", kill);
      this.#running.delete(running);
    };
    if (this.#end.aborted) kill();
  }

  /** Stops them. No cell can undo it: none may send a signal. */
  stop(): void {
    if (this.#running.size === 0) return;
    this.#guardian = new Guardian(Array.from(this.#running, ({ child }) => child.pid), this.#end);
    this.#onStart(this.#guardian.ended);
    for (const { child, memory } of this.#running) {
      memory.stop();
      send(child, "SIGSTOP");
    }
  }

  /** Lets them go on. */
  goOn(): void {
    for (const running of this.#running) {
      send(running.child, "SIGCONT");
      running.memory.stop();
      running.memory = running.watch();
    }
    this.#guardian?.dismiss();
    this.#guardian = undefined;
  }
}

function heldBy(process: Deno.ChildProcess): Child {
  const { pid, stdin, stdout, stderr, status } = process;
  return { pid, stdin, stdout, stderr, status, kill: (signal: Signal) => send(process, signal) };
}

function send(process: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    process.kill(signal);
  } catch {
    // It ended by itself a moment ago.
  }
}
