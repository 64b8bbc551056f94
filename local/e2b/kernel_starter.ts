import { KernelProcess } from "./kernel_process.ts";
import type { StartKernelProcess } from "./sandbox.ts";
import type { Snapshot } from "./snapshot.ts";

/** Starts kernel processes, and knows when the last of them is gone. */
export class KernelStarter {
  readonly #snapshot: Snapshot;
  readonly #running = new Set<Promise<void>>();

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
  }

  readonly start: StartKernelProcess = async (environment, cwd, signal) => {
    const path = await this.#snapshot.path();
    const process = await this.#boot(path, signal).catch(async (error) => {
      if (path === null || signal.aborted) throw error;
      await this.#snapshot.discard(error);
      return await this.#boot(null, signal);
    });
    process.send({ type: "configure", environment, cwd });
    return process;
  };

  /** Resolves when no process is left; they end with their sandboxes. */
  async allExited(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async #boot(path: string | null, signal: AbortSignal): Promise<KernelProcess> {
    if (signal.aborted) throw new Error("The sandbox was ended.");
    const process = new KernelProcess(path);
    this.#running.add(process.exited);
    const kill = () => process.kill("The sandbox was ended.");
    signal.addEventListener("abort", kill);
    process.exited.then(() => {
      signal.removeEventListener("abort", kill);
      this.#running.delete(process.exited);
    });
    await process.ready();
    return process;
  }
}
