import { type CellMessage, type FileMessage, isOfFile } from "../kernel/kernel_message.ts";
import { KernelProcess } from "../kernel/kernel_process.ts";
import type { Child } from "../machine/machine.ts";

/** A kernel that a signal interrupts. */
export class NativeKernel extends KernelProcess {
  readonly #child: Child;
  readonly #noise: RegExp | undefined;

  /** @param noise what it says on stderr that is not a cell's */
  constructor(child: Child, noise: RegExp | undefined) {
    super(child);
    this.#child = child;
    this.#noise = noise;
  }

  /**
   * The signal and the next cell go the same way, so it cannot hit that one: it comes first, and a kernel without a cell
   * takes no notice.
   */
  override interrupt(_id: number): void {
    this.#child.kill("SIGINT");
  }

  protected override received(message: CellMessage | FileMessage): CellMessage | null {
    if (isOfFile(message)) return null;
    if (message.type !== "stderr" || this.#noise === undefined) return message;
    const text = message.text.replaceAll(this.#noise, "");
    return text === "" ? null : { ...message, text };
  }
}
