import { LineReader } from "../../kernel/line_reader.ts";
import type { Child } from "../../machine/machine.ts";
import type { ShellFiles } from "./shell_files.ts";
import { parseShellMessage, type Run, type ShellCommand, type ShellMessage } from "./shell_message.ts";

const START_LIMIT_MS = 60_000;
// 16 MiB of output, or of a file, in Base64, and a little more.
const MAX_LINE_LENGTH = 23 * 1024 * 1024;
const STDERR_TAIL = 2000;

/** How a command ended. */
export type Outcome = Extract<ShellMessage, { type: "done" }>;

/** One process that runs commands, one at a time. */
export class Shell {
  readonly #child: Child;
  readonly #files: ShellFiles;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBufferLike>>;
  readonly #ready = Promise.withResolvers<void>();
  #running: PromiseWithResolvers<Outcome> | undefined;
  #stderr = "";
  #verdict: string | undefined;
  /** Resolves when the process is gone. */
  readonly exited: Promise<void>;

  /** The process has been started; it is usable once `ready()` resolved. */
  constructor(child: Child, files: ShellFiles) {
    this.#child = child;
    this.#files = files;
    this.#input = child.stdin.getWriter();
    this.#ready.promise.catch(() => {});
    this.exited = this.#serve();
  }

  /** Whether it can run another command; one that was killed but lingers cannot. */
  get isUsable(): boolean {
    return this.#verdict === undefined;
  }

  /** Waits until it has started; throws if it does not. */
  async ready(): Promise<void> {
    const limit = setTimeout(() => this.kill("The shell did not start in time."), START_LIMIT_MS);
    await this.#ready.promise.finally(() => clearTimeout(limit));
  }

  /** Runs one command to its end, once its input is there; throws with words for its user when the process ends first. */
  async run(run: Run, stdin: Promise<Uint8Array<ArrayBuffer>>): Promise<Outcome> {
    this.#running = Promise.withResolvers();
    const outcome = this.#running.promise;
    if (this.#verdict !== undefined) this.#running.reject(new Error(this.#verdict));
    stdin.then((bytes) => this.#send({ type: "run", ...run, stdin: bytes.toBase64() }));
    return await outcome.finally(() => this.#running = undefined);
  }

  /** Ends the process, whatever it is busy with. */
  kill(verdict: string): void {
    this.#verdict ??= verdict;
    this.#child.kill("SIGKILL");
  }

  async #serve(): Promise<void> {
    const stderr = this.#keepLastWords();
    const lines = new LineReader(this.#child.stdout, MAX_LINE_LENGTH);
    try {
      for (let line = await lines.next(); line !== null; line = await lines.next()) {
        await this.#obey(parseShellMessage(line));
      }
    } catch (error) {
      this.kill(`The shell was ended: ${error instanceof Error ? error.message : error}.`);
    }
    await lines.cancel();
    await this.#child.status;
    await this.#input.close().catch(() => {});
    await stderr;
    // The last line alone: those above are stack frames of this machine.
    this.#verdict ??= `The shell died. ${this.#stderr.trimEnd().split("\n").at(-1)}`.trim();
    this.#ready.reject(new Error(this.#verdict));
    this.#running?.reject(new Error(this.#verdict));
  }

  async #obey(message: ShellMessage): Promise<void> {
    switch (message.type) {
      case "ready":
        return this.#ready.resolve();
      case "file":
        return this.#send({ type: "answer", id: message.id, ...await this.#files.answer(message) });
      case "done":
        return this.#running?.resolve(message);
    }
  }

  #send(command: ShellCommand): void {
    // A process that reads no more ends soon, and that is heard elsewhere.
    this.#input.write(new TextEncoder().encode(`${JSON.stringify(command)}\n`)).catch(() => {});
  }

  async #keepLastWords(): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for await (const chunk of this.#child.stderr) {
        this.#stderr = (this.#stderr + decoder.decode(chunk)).slice(-STDERR_TAIL);
      }
    } catch {
      // The process is gone.
    }
  }
}
