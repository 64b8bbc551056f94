import { unsupported } from "../control/unsupported.ts";
import { HttpError } from "../http.ts";
import {
  type CarryMessage,
  type CellMessage,
  type FileMessage,
  isOfCarrying,
  isOfFile,
} from "../kernel/kernel_message.ts";
import { KernelProcess } from "../kernel/kernel_process.ts";
import type { FileStore } from "./file_store.ts";
import { FileSync, type SyncState } from "./file_sync.ts";

/** A busy machine takes seconds for hundreds of megabytes. */
const ANSWER_LIMIT_MS = { look: 10_000, dump: 60_000 } as const;
/** More than an honest kernel gives. */
const MAX_STATE_BYTES = 384 * 1024 ** 2;

/** All of a Python, for others that go on from there. What is in it is for kernels alone to read. */
export interface KernelState {
  readonly pieces: readonly Uint8Array[];
  readonly bytes: number;
  readonly sync: SyncState;
}

/** What a kernel has said of what it was asked. */
interface Answer {
  readonly id: number;
  readonly pieces: Uint8Array[];
  bytes: number;
  error: HttpError | null;
  /** Whether somebody waits for it: it may come later, too. */
  isAwaited: boolean;
}

/** A Python that has its files in its own memory: they are brought up to date before each cell, and heard of after it. */
export class PyodideKernel extends KernelProcess {
  #sync: FileSync | undefined;
  #answer: Answer | undefined;
  // Those of cells are positive.
  #lastId = 0;
  #cell: number | undefined;

  /** Says whose files they are, before the first cell. */
  use(store: FileStore, state?: SyncState): void {
    this.#sync = new FileSync(store, this, state);
  }

  /** Whether it has a cell, and would be asked in vain. */
  get isAtWork(): boolean {
    return this.#cell !== undefined;
  }

  override execute(id: number, code: string, silent: boolean): void {
    this.#cell = id;
    this.#sync?.push();
    super.execute(id, code, silent);
  }

  /**
   * Looks whether all of it can be carried. A cell that runs is waited for.
   * @throws {HttpError} 501 when not, with words that name what; 503 when it does not say
   */
  async look(): Promise<void> {
    await this.#ask("look");
  }

  /**
   * All of it, which stays as it is.
   * @throws {HttpError} as `look`
   */
  async dump(): Promise<KernelState> {
    const { pieces, bytes } = await this.#ask("dump");
    return { pieces, bytes, sync: this.#sync?.state ?? { seen: 0, writer: {} } };
  }

  protected override received(message: CellMessage | FileMessage | CarryMessage, bytes: number): CellMessage | null {
    if (isOfCarrying(message) && this.#hear(message)) return null;
    if (message.type === "done" && message.id === this.#cell) this.#cell = undefined;
    if (!isOfFile(message)) return super.received(message, bytes);
    const problem = this.#sync?.pull(message) ?? null;
    return problem === null ? null : { type: "stderr", id: message.id, text: `a file was not kept: ${problem}\n` };
  }

  /** Whether it was asked for, and is not more than an honest kernel has. */
  #hear(message: CarryMessage): boolean {
    const answer = this.#answer;
    if (answer === undefined || message.id !== answer.id || message.type === "dumped") return false;
    if (message.type === "obstacle") {
      if (answer.error !== null) return false;
      answer.error = unsupported(`forking a sandbox with ${message.what}`, message.why);
    } else if ((answer.bytes += message.content.length) <= MAX_STATE_BYTES) {
      if (answer.isAwaited) answer.pieces.push(message.content);
    } else {
      answer.error ??= unsupported("forking a sandbox with so much in a kernel", `${MAX_STATE_BYTES} bytes can be`);
      return false;
    }
    return true;
  }

  async #ask(type: "look" | "dump"): Promise<Answer> {
    const answer: Answer = { id: --this.#lastId, pieces: [], bytes: 0, error: null, isAwaited: true };
    this.#answer = answer;
    this.send({ type, id: answer.id });
    const limit = Promise.withResolvers<void>();
    const timer = setTimeout(limit.resolve, ANSWER_LIMIT_MS[type]);
    let isWhole = false;
    try {
      isWhole = await Promise.race([this.#awaitEnd(answer), limit.promise.then(() => false)]);
      if (answer.error !== null) throw answer.error;
      // Of a state without a byte a fork would begin empty, and nobody would know.
      if (isWhole && (type === "look" || answer.bytes > 0)) return answer;
      throw new HttpError(
        503,
        `a kernel of the sandbox does not say what it is${this.usable ? "" : ` (${this.verdict})`}`,
      );
    } finally {
      clearTimeout(timer);
      answer.isAwaited = false;
      if (isWhole) this.#answer = undefined;
      else answer.pieces.length = 0;
    }
  }

  /** Whether it has said all. Leaves when nobody waits any more. */
  async #awaitEnd(answer: Answer): Promise<boolean> {
    for await (const message of this.messages()) {
      if (message.type === "done" && message.id === answer.id) return true;
      if (!answer.isAwaited) return false;
    }
    return false;
  }
}
