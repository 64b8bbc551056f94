import type { KernelProcess } from "./kernel_process.ts";

/** The cell that has its kernel to itself, for whoever wants to interrupt it. */
export class RunningCell {
  #process: KernelProcess | undefined;
  #asked = false;

  constructor(readonly id: number) {}

  /**
   * Raises KeyboardInterrupt in the cell. Before the kernel is heard of the
   * cell it could miss it, so until then the wish is only kept.
   */
  readonly interrupt = (): void => {
    if (this.#process === undefined) this.#asked = true;
    else this.#process.interrupt(this.id);
  };

  /** Tells that the process has said something of the cell: it has begun. */
  heardOf(process: KernelProcess): void {
    if (this.#process !== undefined) return;
    this.#process = process;
    if (this.#asked) this.interrupt();
  }
}
