import { isolatedCommand, PYODIDE_URL } from "./isolation.ts";
import type { KernelCommand } from "./kernel_message.ts";
import { KernelProcess } from "./kernel_process.ts";
import type { StartKernelProcess } from "./sandbox.ts";
import type { Snapshot } from "./snapshot.ts";

/** Starts kernel processes, and knows when the last of them is gone. */
export class KernelStarter {
  readonly #snapshot: Snapshot;
  readonly #memoryLimitBytes: number;
  readonly #running = new Set<Promise<void>>();

  constructor(snapshot: Snapshot, memoryLimitBytes: number) {
    this.#snapshot = snapshot;
    this.#memoryLimitBytes = memoryLimitBytes;
  }

  readonly start: StartKernelProcess = async (language, environment, cwd, signal) => {
    const process = await (language === "python" ? this.#startPython(signal) : this.#boot(
      isolatedCommand("javascript/main.mjs", [], { inspector: true }),
      { type: "boot", language },
      signal,
    ));
    process.send({ type: "configure", environment, cwd });
    return process;
  };

  /** Resolves when no process is left; they end with their sandboxes. */
  async allExited(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async #startPython(signal: AbortSignal): Promise<KernelProcess> {
    const path = await this.#snapshot.path();
    return await this.#bootPython(path, signal).catch(async (error) => {
      if (path === null || signal.aborted) throw error;
      await this.#snapshot.discard(error);
      return await this.#bootPython(null, signal);
    });
  }

  #bootPython(snapshotPath: string | null, signal: AbortSignal): Promise<KernelProcess> {
    const readable = snapshotPath === null ? [] : [snapshotPath];
    const boot = { type: "boot", pyodideUrl: PYODIDE_URL.href, snapshotPath } as const;
    return this.#boot(isolatedCommand("main.mjs", [], { readable }), boot, signal);
  }

  async #boot(command: Deno.Command, boot: KernelCommand, signal: AbortSignal): Promise<KernelProcess> {
    if (signal.aborted) throw new Error("The sandbox was ended.");
    const process = new KernelProcess(command, this.#memoryLimitBytes);
    this.#running.add(process.exited);
    const kill = () => process.kill("The sandbox was ended.");
    signal.addEventListener("abort", kill);
    process.exited.then(() => {
      signal.removeEventListener("abort", kill);
      this.#running.delete(process.exited);
    });
    process.send(boot);
    await process.ready();
    return process;
  }
}
