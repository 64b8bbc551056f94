import { type CellMessage, type FileMessage, isOfFile } from "../kernel/kernel_message.ts";
import { KernelProcess } from "../kernel/kernel_process.ts";
import type { FileStore } from "./file_store.ts";
import { FileSync } from "./file_sync.ts";

/** A Python that has its files in its own memory: they are brought up to date before each cell, and heard of after it. */
export class PyodideKernel extends KernelProcess {
  #sync: FileSync | undefined;

  /** Says whose files they are, before the first cell. */
  use(store: FileStore): void {
    this.#sync = new FileSync(store, this);
  }

  override execute(id: number, code: string, silent: boolean): void {
    this.#sync?.push();
    super.execute(id, code, silent);
  }

  protected override received(message: CellMessage | FileMessage): CellMessage | null {
    if (!isOfFile(message)) return message;
    const problem = this.#sync?.pull(message) ?? null;
    return problem === null ? null : { type: "stderr", id: message.id, text: `a file was not kept: ${problem}\n` };
  }
}
