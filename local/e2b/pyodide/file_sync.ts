import { FileError } from "../machine/files.ts";
import type { FileStore } from "./file_store.ts";
import type { FileMessage } from "../kernel/kernel_message.ts";
import type { KernelProcess } from "../kernel/kernel_process.ts";

/** What a kernel has of its sandbox's files. */
export interface SyncState {
  /** The store's version when it was told last. */
  readonly seen: number;
  /** Who made its changes, in the eyes of the store. */
  readonly writer: object;
}

/** Keeps the files in a kernel's memory and those of its sandbox the same, between cells. */
export class FileSync {
  readonly #store: FileStore;
  readonly #process: KernelProcess;
  readonly #writer: object;
  #seen: number;

  /** `process` has just started: it has no files, or those of a kernel that had `state`. */
  constructor(store: FileStore, process: KernelProcess, state: SyncState = { seen: 0, writer: {} }) {
    this.#store = store;
    this.#process = process;
    this.#seen = state.seen;
    this.#writer = state.writer;
  }

  get state(): SyncState {
    return { seen: this.#seen, writer: this.#writer };
  }

  /** Tells the kernel what changed since it last ran a cell. */
  push(): void {
    for (const entry of this.#store.changesSince(this.#seen, this.#writer)) {
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
          this.#store.write(message.path, message.content, this.#writer);
          break;
        case "directory":
          this.#store.makeDirectory(message.path, this.#writer);
          break;
        case "gone":
          this.#store.remove(message.path, this.#writer);
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
