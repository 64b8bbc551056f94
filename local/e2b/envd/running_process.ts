import type { Child, Signal } from "../machine/machine.ts";
import { Audience, type Listener } from "./audience.ts";
import { ConnectError } from "./connect_error.ts";
import { deadlineExceeded } from "./process_stream.ts";
import { endOf, type ProcessEvent } from "./process_event.ts";
import { ProgramOutput } from "./program_output.ts";

/** What a program may leave unread of its input, in bytes. */
const UNREAD_LIMIT_BYTES = 16 * 1024 ** 2;

/** A program that a client started, from its start to its end. It lives on when nobody listens. */
export class RunningProcess {
  readonly pid: number;
  /** Who started it: hears of everything. */
  readonly starter: Listener<ProcessEvent>;
  readonly #child: Child;
  readonly #stdout: ProgramOutput;
  readonly #stderr: ProgramOutput;
  readonly #audience = new Audience<ProcessEvent>();
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBufferLike>>;
  #acceptsInput: boolean;
  #unreadBytes = 0;
  #isKilled = false;
  #hasEnded = false;

  /** Without `stdin` its input is empty. `onEnd` is called before those who listen are told. */
  constructor(child: Child, { stdin, onEnd }: { readonly stdin: boolean; readonly onEnd: () => void }) {
    this.pid = child.pid;
    this.starter = this.#audience.join();
    this.#child = child;
    this.#stdout = new ProgramOutput(child.stdout);
    this.#stderr = new ProgramOutput(child.stderr);
    this.#input = child.stdin.getWriter();
    this.#acceptsInput = stdin;
    // It fails for a program that has ended already.
    if (!stdin) this.#input.close().catch(() => {});
    this.#hearUntilEnd(onEnd);
  }

  /** Hears of everything that it says from now on, and of its end. */
  listen(): Listener<ProcessEvent> {
    return this.#audience.join();
  }

  /**
   * Resolves when the program's input has taken the bytes.
   * @throws {ConnectError} when it takes none
   */
  async write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const refusal = (why: unknown) => new ConnectError("internal", `error writing to stdin: ${why}`);
    if (!this.#acceptsInput) throw refusal("stdin not enabled or closed");
    if (this.#unreadBytes + bytes.length > UNREAD_LIMIT_BYTES) {
      const limit = `${UNREAD_LIMIT_BYTES / 1024 ** 2} MiB`;
      throw new ConnectError("resource_exhausted", `the process left more than ${limit} of its stdin unread`);
    }
    this.#unreadBytes += bytes.length;
    try {
      await this.#input.write(bytes);
    } catch (error) {
      throw refusal(error);
    } finally {
      this.#unreadBytes -= bytes.length;
    }
  }

  /** Ends the program's input after all that was written; a second time does nothing. */
  async closeInput(): Promise<void> {
    if (!this.#acceptsInput) return;
    this.#acceptsInput = false;
    // It fails only for a program that has ended, or closed its input itself.
    await this.#input.close().catch(() => {});
  }

  /** Kills it because its time is over, and tells who started it so instead of how it ended. */
  expire(): void {
    this.starter.fail(deadlineExceeded());
    this.kill("SIGKILL");
  }

  /** Of one that is killed, what was not read yet is lost, as with envd: who listens may never read it. */
  kill(signal: Signal): void {
    this.#child.kill(signal);
    if (signal !== "SIGKILL") return;
    this.#isKilled = true;
    if (this.#hasEnded) this.#giveUpOutput();
  }

  async #hearUntilEnd(onEnd: () => void): Promise<void> {
    const ended = this.#child.status.then((status) => {
      this.#hasEnded = true;
      this.#stdout.programEnded();
      this.#stderr.programEnded();
      if (this.#isKilled) this.#giveUpOutput();
      return status;
    });
    await Promise.all([
      this.#hear(this.#stdout, (stdout) => ({ data: { stdout } })),
      this.#hear(this.#stderr, (stderr) => ({ data: { stderr } })),
    ]);
    const status = await ended;
    this.#acceptsInput = false;
    // What nobody reads any more must not keep a client waiting.
    this.#input.abort().catch(() => {});
    onEnd();
    this.#audience.hurry();
    await this.#audience.tell({ end: endOf(status) }, 0);
    this.#audience.close();
  }

  async #hear(output: ProgramOutput, eventOf: (base64: string) => ProcessEvent): Promise<void> {
    for (let bytes = await output.next(); bytes !== null; bytes = await output.next()) {
      const base64 = bytes.toBase64();
      await this.#audience.tell(eventOf(base64), base64.length);
    }
  }

  #giveUpOutput(): void {
    this.#stdout.giveUp();
    this.#stderr.giveUp();
    this.#audience.hurry();
  }
}
