import type { CarryMessage, CellMessage, FileMessage } from "../kernel/kernel_message.ts";
import { KernelProcess } from "../kernel/kernel_process.ts";
import type { Child } from "../machine/machine.ts";
import { DumpedState } from "./dumped_state.ts";

/** What it says of its state has the number of no cell. */
const OF_STATE = 0;
/** A little more than the kernel itself allows for its dump, see `python/python/dumping.py`; a load takes less. */
const STATE_LIMIT_MS = 75_000;
const MAX_UNHEARD_BYTES = 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;

/** Thrown by a kernel whose state cannot be carried; the message says why, for the person whose variables they are. */
export class Uncarried extends Error {}

/** A kernel that a signal interrupts; one of Python can say what it is, and become what another one was. */
export class NativeKernel extends KernelProcess {
  readonly #child: Child;
  readonly #noise: RegExp | undefined;
  readonly #state: DumpedState;
  #dumpedBytes = 0;
  /** What came while its state was asked for: of programs that cells have started, and for the next one. */
  readonly #unheard: CellMessage[] = [];
  #unheardBytes = 0;

  /** @param noise what it says on stderr that is not a cell's */
  constructor(child: Child, noise: RegExp | undefined) {
    // What it and its programs say on stderr is among its messages: this way is for its state alone.
    super({ ...child, stderr: new ReadableStream({ start: (controller) => controller.close() }) });
    this.#child = child;
    this.#noise = noise;
    this.#state = new DumpedState(child.stderr, (bytes) => this.countNoise(bytes));
  }

  override async *messages(): AsyncGenerator<CellMessage> {
    this.#unheardBytes = 0;
    yield* this.#unheard.splice(0);
    yield* super.messages();
  }

  /**
   * The signal and the next cell go the same way, so it cannot hit that one: it comes first, and a kernel without a cell
   * takes no notice.
   */
  override interrupt(_id: number): void {
    this.#child.kill("SIGINT");
  }

  /**
   * All that it is, in at most so many bytes; it goes on untouched. For a time when no cell runs.
   * @throws {Uncarried}
   */
  async dump(limit: number): Promise<Uint8Array<ArrayBuffer>> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Uncarried("its kernel does not answer")), STATE_LIMIT_MS);
    this.#dumpedBytes = 0;
    this.#state.begin(limit);
    try {
      this.send({ type: "dump", id: OF_STATE, limit });
      const answered = this.#answered().then(() => this.#state.take(this.#dumpedBytes));
      return await Promise.race([answered, late.promise]);
    } finally {
      clearTimeout(timer);
      this.#state.end();
    }
  }

  /**
   * Becomes what another one was.
   * @throws {Uncarried} it is of no use then
   */
  async load(state: Uint8Array): Promise<void> {
    const timer = setTimeout(() => this.kill("its variables take too long to be made again"), STATE_LIMIT_MS);
    try {
      this.send({ type: "load", id: OF_STATE, bytes: state.length });
      for (let start = 0; start < state.length; start += CHUNK_BYTES) {
        this.sendBytes(state.subarray(start, start + CHUNK_BYTES));
      }
      await this.#answered();
    } finally {
      clearTimeout(timer);
    }
  }

  /** As `load`. One for which that fails has died by it: never is there an empty one in its place. */
  async become(state: Uint8Array): Promise<void> {
    try {
      await this.load(state);
    } catch (error) {
      if (!(error instanceof Uncarried)) throw error;
      this.kill(`What the kernel was when its sandbox was copied could not be made again: ${error.message}.`);
    }
  }

  protected override received(message: CellMessage | FileMessage | CarryMessage, bytes: number): CellMessage | null {
    if (message.type === "dumped") this.#dumpedBytes = message.bytes;
    const ofCell = super.received(message, bytes);
    if (ofCell?.type !== "stderr" || this.#noise === undefined) return ofCell;
    const text = ofCell.text.replaceAll(this.#noise, "");
    return text === "" ? null : { ...ofCell, text };
  }

  /** For the next cell; of too much, the rest is for nobody. */
  #keep(message: CellMessage): void {
    const bytes = JSON.stringify(message).length;
    if (message.id === OF_STATE || this.#unheardBytes + bytes > MAX_UNHEARD_BYTES) return this.countNoise(bytes);
    this.#unheard.push(message);
    this.#unheardBytes += bytes;
  }

  /** Resolves when it has done what it was asked. */
  async #answered(): Promise<void> {
    let problem: string | undefined;
    for await (const message of super.messages()) {
      if (message.type !== "done" || message.id !== OF_STATE) {
        if (message.id === OF_STATE && message.type === "error") problem = message.value;
        else this.#keep(message);
        continue;
      }
      if (problem !== undefined) throw new Uncarried(problem);
      return;
    }
    throw new Uncarried(`its kernel ended: ${this.verdict}`);
  }
}
