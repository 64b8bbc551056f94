import { z } from "zod";
import { homePath } from "./file_path.ts";
import { LineReader } from "./line_reader.ts";

const MEMORY_LIMIT_BYTES = 1024 ** 3;
const MEMORY_POLL_MS = 200;
const BOOT_LIMIT_MS = 120_000;
// A little more than the longest line an honest kernel sends.
const MAX_LINE_LENGTH = 17 * 1024 * 1024;
const STDERR_TAIL = 2000;

const id = z.number();
const format = z.unknown().optional();
const base64 = z.string().transform((text, context) => {
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    context.addIssue("not base64");
    return z.NEVER;
  }
});

/** What a kernel says. Code in a cell can forge any of it, but only to its own harm. */
const messageSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("count"), id, count: z.int() }),
  z.object({ type: z.literal("stdout"), id, text: z.string() }),
  z.object({ type: z.literal("stderr"), id, text: z.string() }),
  z.object({
    type: z.literal("result"),
    id,
    text: format,
    html: format,
    markdown: format,
    svg: format,
    png: format,
    jpeg: format,
    pdf: format,
    latex: format,
    json: format,
    javascript: format,
    data: format,
    chart: format,
    extra: z.record(z.string(), z.unknown()),
    is_main_result: z.boolean(),
  }),
  z.object({
    type: z.literal("error"),
    id,
    name: z.string(),
    value: z.string(),
    traceback: z.string(),
  }),
  z.object({ type: z.literal("file"), id, path: homePath, content: base64 }),
  z.object({ type: z.literal("directory"), id, path: homePath }),
  z.object({ type: z.literal("gone"), id, path: homePath }),
  z.object({ type: z.literal("done"), id }),
]);

export type KernelMessage = z.infer<typeof messageSchema>;

/** A change that a cell made to its files, told when the cell has ended. */
export type FileMessage = Extract<KernelMessage, { type: "file" | "directory" | "gone" }>;

export type KernelCommand =
  | { type: "configure"; environment: Record<string, string>; cwd: string }
  | { type: "file"; path: string; content: string }
  | { type: "directory" | "gone"; path: string }
  | { type: "execute"; id: number; code: string; silent: boolean }
  | { type: "interrupt"; id: number };

/** One interpreter in one operating-system process. */
export class KernelProcess {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: LineReader;
  readonly #watchdog: ReturnType<typeof setInterval>;
  #stderr = "";
  #verdict: string | undefined;
  #alive = true;
  #listening = false;
  /** Resolves when the process is gone. */
  readonly exited: Promise<void>;

  /** Starts the process; it is usable once `ready()` resolved. */
  constructor(command: Deno.Command) {
    this.#child = command.spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#output = new LineReader(this.#child.stdout, MAX_LINE_LENGTH);
    this.#watchdog = setInterval(() => this.#checkMemory(), MEMORY_POLL_MS);
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
    const line = new TextEncoder().encode(`${JSON.stringify(command)}\n`);
    this.#input.write(line).catch(() => {});
  }

  /**
   * What the kernel says, until it is gone. Nothing is read ahead: a consumer
   * that waits makes the pipe fill up and the kernel wait.
   */
  async *messages(): AsyncGenerator<KernelMessage> {
    this.#listening = true;
    try {
      while (true) {
        const line = await this.#output.next();
        if (line === null) break;
        const message = parse(line);
        if (message !== null) yield message;
      }
      await this.exited;
    } catch (error) {
      this.kill(`The kernel was ended: ${error instanceof Error ? error.message : error}.`);
    } finally {
      this.#listening = false;
      if (!this.#alive) await this.#output.cancel();
    }
  }

  /** Ends the process; `exited` tells when it is gone. */
  kill(verdict: string): void {
    if (!this.#alive) return;
    this.#verdict ??= verdict;
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It ended by itself a moment ago.
    }
  }

  #checkMemory(): void {
    let status: string;
    try {
      status = Deno.readTextFileSync(`/proc/${this.#child.pid}/status`);
    } catch {
      // No /proc on this system, or the process has just ended.
      return;
    }
    const kibibytes = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
    if (kibibytes * 1024 > MEMORY_LIMIT_BYTES) {
      this.kill("The kernel was ended: it used more than 1 GiB of memory.");
    }
  }

  async #cleanUp(): Promise<void> {
    const decoder = new TextDecoder();
    const drained = (async () => {
      for await (const chunk of this.#child.stderr) {
        this.#stderr = (this.#stderr + decoder.decode(chunk)).slice(-STDERR_TAIL);
      }
    })().catch(() => {});
    await this.#child.status;
    this.#alive = false;
    clearInterval(this.#watchdog);
    await this.#input.close().catch(() => {});
    await drained;
    // A listener still wants the last words, and cancels when it has them.
    if (!this.#listening) await this.#output.cancel();
  }
}

function parse(line: string): KernelMessage | null {
  try {
    return messageSchema.parse(JSON.parse(line));
  } catch {
    // Not ours: Pyodide's own console output, or a cell at play.
    return null;
  }
}
