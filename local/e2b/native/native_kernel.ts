import { KernelProcess } from "../kernel/kernel_process.ts";
import type { Child } from "../machine/machine.ts";

/** A kernel that a signal interrupts. */
export class NativeKernel extends KernelProcess {
  readonly #child: Child;

  constructor(child: Child) {
    super(child);
    this.#child = child;
  }

  /**
   * The signal and the next cell go the same way, so it cannot hit that one: it comes first, and a kernel without a cell
   * takes no notice.
   */
  override interrupt(_id: number): void {
    this.#child.kill("SIGINT");
  }
}
