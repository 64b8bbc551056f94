import type { Child } from "../machine/machine.ts";
import {
  type CarryMessage,
  type CellMessage,
  type FileMessage,
  isOfCarrying,
  isOfFile,
  type KernelCommand,
  parseMessage,
} from "./kernel_message.ts";
import { LineReader } from "./line_reader.ts";

const BOOT_LIMIT_MS = 120_000;
// A little more than the longest line an honest kernel sends.
const MAX_LINE_LENGTH = 17 * 1024 * 1024;
const STDERR_TAIL = 2000;
// An honest kernel says almost nothing but messages. A worker that outlives its
// cell could keep this server busy with reading for as long as its sandbox runs.
const NOISE_LIMIT_BYTES = 16 * 1024 ** 2;
// What it costs to find out that a line, even an empty one, is no message.
const NOISE_OF_A_LINE = 256;

/** One interpreter in one operating-system process; what it takes to run it in a machine is for the machine to add. */
export class KernelProcess {
  readonly #child: Child;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBufferLike>>;
  readonly #output: LineReader;
  #stderr = "";
  #noiseBytes = 0;
  #verdict: string | undefined;
  #alive = true;
  #listening = false;
  #heard: Promise<void> = Promise.resolve();
  /** Resolves when the process is gone. */
  readonly exited: Promise<void>;

  /** The process has been started; it is usable once `ready()` resolved. */
  constructor(child: Child) {
    this.#child = child;
    this.#input = this.#child.stdin.getWriter();
    this.#output = new LineReader(this.#child.stdout, MAX_LINE_LENGTH);
    this.exited = this.#cleanUp();
  }

  /** Whether it can run another cell; one that was killed but lingers cannot. */
  get usable(): boolean {
    return this.#alive && this.#verdict === undefined;
  }

  /** Why the process ended, in words for the person whose code it ran. */
  get verdict(): string {
    // The last line alone: those above are stack frames of this machine.
    const lastWords = this.#stderr.trimEnd().split("\n").at(-1);
    return this.#verdict ?? `The kernel died. ${lastWords}`.trim();
  }

  /** Waits until it has started; throws if it does not. */
  async ready(): Promise<void> {
    const limit = setTimeout(
      () => this.kill("The kernel did not start in time."),
      BOOT_LIMIT_MS,
    );
    try {
      while (true) {
        const line = await this.#output.next();
        if (line === '{"type":"ready"}') return;
        if (line === null) break;
      }
      await this.exited;
      throw new Error(this.verdict);
    } finally {
      clearTimeout(limit);
    }
  }

  /** Never blocks: a kernel that reads no more is found out by its silence. */
  send(command: KernelCommand): void {
    this.sendBytes(new TextEncoder().encode(`${JSON.stringify(command)}\n`));
  }

  /** For what comes before the first command, or as a part of it. */
  sendBytes(bytes: Uint8Array): void {
    this.#input.write(bytes).catch(() => {});
  }

  /**
   * What the kernel says, until it is gone. Nothing is read ahead: a consumer
   * that waits makes the pipe fill up and the kernel wait. One listens at a time.
   */
  async *messages(): AsyncGenerator<CellMessage> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.#heard;
    this.#heard = promise;
    try {
      await before;
      yield* this.#listen();
    } finally {
      resolve();
    }
  }

  async *#listen(): AsyncGenerator<CellMessage> {
    this.#listening = true;
    try {
      while (true) {
        const line = await this.#output.next();
        if (line === null) break;
        const message = parseMessage(line);
        if (message === null) {
          this.countNoise(line.length + NOISE_OF_A_LINE);
          if (this.#noiseBytes <= NOISE_LIMIT_BYTES) continue;
          // There may be very much of it on its way.
          await this.#output.cancel();
          break;
        }
        if (message.type === "exit") {
          this.#verdict ??= "The cell ended its kernel.";
          continue;
        }
        const ofCell = this.received(message, line.length);
        // Not before it has said that its cell is over, which would then be told as one that the end has hit.
        if (ofCell?.type === "done" && this.#verdict !== undefined) this.kill(this.#verdict);
        if (ofCell !== null) yield ofCell;
      }
      await this.exited;
    } catch (error) {
      this.kill(`The kernel was ended: ${error instanceof Error ? error.message : error}.`);
    } finally {
      this.#listening = false;
      if (this.#verdict !== undefined) this.kill(this.#verdict);
      if (!this.#alive) await this.#output.cancel();
    }
  }

  /** Has it run a cell. A silent one neither counts nor shows a value. */
  execute(id: number, code: string, silent: boolean): void {
    this.send({ type: "execute", id, code, silent });
  }

  /** Raises KeyboardInterrupt in a cell, unless that is over. */
  interrupt(id: number): void {
    this.send({ type: "interrupt", id });
  }

  /** Ends the process; `exited` tells when it is gone. */
  kill(verdict: string): void {
    if (!this.#alive) return;
    this.#verdict ??= verdict;
    this.#child.kill("SIGKILL");
  }

  /** What who runs a cell is to hear of a message of so many bytes, if anything. */
  protected received(message: CellMessage | FileMessage | CarryMessage, bytes: number): CellMessage | null {
    if (!isOfFile(message) && !isOfCarrying(message)) return message;
    // Nobody has asked for it.
    this.countNoise(bytes);
    return null;
  }

  /** Ends one that says too much that is for nobody. */
  protected countNoise(bytes: number): void {
    this.#noiseBytes += bytes;
    if (this.#noiseBytes <= NOISE_LIMIT_BYTES) return;
    const limit = NOISE_LIMIT_BYTES / 1024 ** 2;
    this.kill(`The kernel was ended: it wrote more than ${limit} MiB past its cells' output.`);
  }

  async #cleanUp(): Promise<void> {
    const decoder = new TextDecoder();
    const drained = (async () => {
      for await (const chunk of this.#child.stderr) {
        this.countNoise(chunk.length);
        this.#stderr = (this.#stderr + decoder.decode(chunk)).slice(-STDERR_TAIL);
      }
    })().catch(() => {});
    await this.#child.status;
    this.#alive = false;
    await this.#input.close().catch(() => {});
    await drained;
    // A listener still wants the last words, and cancels when it has them.
    if (!this.#listening) await this.#output.cancel();
  }
}
