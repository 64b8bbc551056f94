import type { Machine, MachineInit, Machines } from "../../local/e2b/machine/machine.ts";
import { FileStore } from "../../local/e2b/pyodide/file_store.ts";
import { StoredFiles } from "../../local/e2b/pyodide/stored_files.ts";

/**
 * Machines of files alone, on which every program is about to start, which are copied when a test lets them: for tests
 * of what happens meanwhile. What is made of one begins without files.
 */
export class CopyableMachines implements Machines {
  readonly languages = ["python"] as const;
  readonly canPause = true;
  readonly pauses: string[] = [];
  spawning = 0;
  /** How many copies are being made. */
  copying = 0;
  /** What a copy waits for, before it is made and when nothing speaks to the machine any more. */
  before: Promise<void> = Promise.resolve();
  within: Promise<void> = Promise.resolve();
  /** How much memory a copy takes. */
  bytes = 1024;

  create(_init: MachineInit): Machine {
    return {
      languages: this.languages,
      files: new StoredFiles(new FileStore()),
      // Those who wait for one wait for ever.
      spawn: () => {
        this.spawning++;
        return new Promise(() => {});
      },
      startKernel: () => Promise.reject(new Error("this machine has no kernels")),
      pause: () => Promise.resolve(void this.pauses.push("paused")),
      resume: () => Promise.resolve(void this.pauses.push("resumed")),
      checkpoint: async (quiet) => {
        this.copying++;
        try {
          await this.before;
          await quiet();
          await this.within;
          return { bytes: this.bytes, restore: (init) => this.create(init) };
        } finally {
          this.copying--;
        }
      },
    };
  }

  allEnded(): Promise<void> {
    return Promise.resolve();
  }
}
