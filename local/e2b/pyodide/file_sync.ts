import { FileError } from "../machine/files.ts";
import type { FileStore } from "./file_store.ts";
import type { FileMessage } from "../kernel/kernel_message.ts";
import type { KernelProcess } from "../kernel/kernel_process.ts";

/** Keeps the files in a kernel's memory and those of its sandbox the same, between cells. */
export class FileSync {
  readonly #store: FileStore;
  readonly #process: KernelProcess;
  #seen = 0;

  /** `process` has just started and has no files. */
  constructor(store: FileStore, process: KernelProcess) {
    this.#store = store;
    this.#process = process;
  }

  /** Tells the kernel what changed since it last ran a cell. */
  push(): void {
    for (const entry of this.#store.changesSince(this.#seen, this.#process)) {
      const { path } = entry;
      this.#process.send(
        entry.kind === "file" ? { type: "file", path, content: entry.bytes.toBase64() } : { type: entry.kind, path },
      );
    }
    this.#seen = this.#store.version;
  }

  /** Takes what a cell changed; returns why it cannot be kept, if so. */
  pull(message: FileMessage): string | null {
    try {
      switch (message.type) {
        case "file":
          this.#store.write(message.path, message.content, this.#process);
          break;
        case "directory":
          this.#store.makeDirectory(message.path, this.#process);
          break;
        case "gone":
          this.#store.remove(message.path, this.#process);
          break;
      }
      return null;
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      // Another kernel or a client was faster, with the same.
      return error.reason === "exists" ? null : error.message;
    }
  }
}
