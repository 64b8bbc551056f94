import { Sandbox, type SandboxEnd, type SandboxInit, type StartKernelProcess } from "./sandbox.ts";

const HISTORY_LIMIT = 100_000;

/** Every sandbox of a server: the running ones and, for tests, the ended ones. */
export class SandboxRegistry {
  readonly #all = new Map<string, Sandbox>();
  readonly #startProcess: StartKernelProcess;
  #created = 0;

  constructor(startProcess: StartKernelProcess) {
    this.#startProcess = startProcess;
  }

  create(init: SandboxInit): Sandbox {
    const sandbox = new Sandbox(++this.#created, init, this.#startProcess);
    this.#all.set(sandbox.sandboxId, sandbox);
    this.#forgetOldest();
    return sandbox;
  }

  /** A running sandbox; one that ended is as unknown as one that never was. */
  running(sandboxId: string): Sandbox | null {
    const sandbox = this.#all.get(sandboxId);
    return sandbox?.isRunning ? sandbox : null;
  }

  /** In the order of their creation. */
  all(): Sandbox[] {
    return [...this.#all.values()];
  }

  finishAll(by: SandboxEnd["by"]): void {
    for (const sandbox of this.#all.values()) sandbox.finish(by);
  }

  #forgetOldest(): void {
    if (this.#all.size <= HISTORY_LIMIT) return;
    for (const [id, sandbox] of this.#all) {
      if (sandbox.isRunning) continue;
      this.#all.delete(id);
      return;
    }
  }
}
