import { withoutVariables, withVariables } from "./environment_splice.ts";
import { died, type ExecutionLine, lineOf, REMOVED, RESTARTED } from "./execution_line.ts";
import type { Language } from "../machine/language.ts";
import type { KernelProcess } from "./kernel_process.ts";
import { RunningCell } from "./running_cell.ts";

/** Takes a line, and resolves when there is room for the next one. */
export type LineSink = (line: ExecutionLine) => Promise<void>;

export interface KernelInit {
  readonly language: Language;
  /** The variables that the sandbox was created with. */
  readonly environment: Readonly<Record<string, string>>;
  /** Whether it never goes on where another kernel was. */
  readonly isFresh: boolean;
  /** Resolves to a configured process that waits for a cell. */
  readonly start: (isFresh: boolean) => Promise<KernelProcess>;
}

/**
 * A language that keeps variables between executions, for as long as its
 * process lives. The process is started by the first execution, and again by
 * the first one after it died.
 */
export class Kernel {
  readonly #init: KernelInit;
  #process: KernelProcess | undefined;
  #restarted: KernelProcess | undefined;
  /** Whether none of its processes goes on any more where another kernel was. */
  #isFresh: boolean;
  #removed = false;
  #giveUp = () => {};
  #queue: Promise<void> = Promise.resolve();
  #atWork: Promise<void> = Promise.resolve();
  #lastId = 0;
  #running: RunningCell | undefined;
  #lastActivity = new Date();

  constructor(init: KernelInit) {
    this.#init = init;
    this.#isFresh = init.isFresh;
  }

  /** Whether it was restarted before anything was started: what it would have gone on with is lost, also for a copy. */
  get isForgotten(): boolean {
    return this.#isFresh && this.#process === undefined;
  }

  /** Whether a cell has its turn; one whose process is still starting has. */
  get isBusy(): boolean {
    return this.#running !== undefined;
  }

  /** When the kernel was last heard of, or given something to do. */
  get lastActivity(): Date {
    return this.#lastActivity;
  }

  /**
   * Runs one cell after all that were asked for earlier. Aborting `signal`
   * interrupts the cell; one that ignores this keeps the kernel busy, because
   * E2B's does too. Never rejects.
   */
  async execute(
    code: string,
    env: Record<string, string>,
    sink: LineSink,
    signal: AbortSignal,
  ): Promise<void> {
    const previous = this.#queue;
    const turn = Promise.withResolvers<void>();
    this.#queue = turn.promise;
    try {
      await previous;
      if (!signal.aborted) await this.#run(withVariables(this.#init.language, code, env), sink, signal, turn.promise);
    } catch (error) {
      await sink(died(error instanceof Error ? error.message : String(error)));
    }
    // Not awaited: the next cell waits for it, this one's client does not. For
    // a client that hung up E2B's server never gets there: the variables stay.
    if (signal.aborted || Object.keys(env).length === 0) turn.resolve();
    else this.#runSilently(withoutVariables(this.#init.language, env, this.#init.environment)).then(turn.resolve);
    await sink({ type: "end_of_execution" });
  }

  /** Interrupts the cell that runs now and goes on telling what it says; without one, does nothing. */
  interrupt(): void {
    this.#running?.interrupt();
  }

  /** Resolves when the process has no cell. One that waits for its process has not begun, and does not count. */
  async idle(): Promise<void> {
    let work: Promise<void>;
    do {
      work = this.#atWork;
      await work;
    } while (work !== this.#atWork);
  }

  /**
   * Ends the process and so every variable, whatever it is busy with. The cells
   * that wait run in the next one.
   */
  async restart(): Promise<void> {
    // One that is only starting has run nothing yet: it is as good as restarted, unless it goes on where another one was.
    this.#isFresh = true;
    this.#restarted = this.#process;
    await this.#end("The kernel was restarted.");
  }

  /** Ends the process for good: no cell runs any more. */
  async remove(): Promise<void> {
    this.#removed = true;
    await this.#end("The kernel was removed.");
  }

  async #end(verdict: string): Promise<void> {
    this.#process?.kill(verdict);
    await this.#process?.exited;
    this.#giveUp();
  }

  /** `turn` resolves when the process has nothing more to do for the cell. */
  async #run(code: string, sink: LineSink, signal: AbortSignal, turn: Promise<void>): Promise<void> {
    if (this.#removed) return await sink(REMOVED);
    const cell = new RunningCell(++this.#lastId);
    this.#running = cell;
    this.#lastActivity = new Date();
    signal.addEventListener("abort", cell.interrupt);
    try {
      const process = await this.#usableProcess();
      // Nobody waits any more: running the code now would only surprise.
      if (signal.aborted) return;
      this.#atWork = turn;
      process.execute(cell.id, code, false);
      await this.#hear(cell, process, sink);
    } finally {
      // Before the next one is sent: an interrupt that is sent after it would hit it.
      this.#running = undefined;
      signal.removeEventListener("abort", cell.interrupt);
    }
  }

  async #usableProcess(): Promise<KernelProcess> {
    if (!this.#process?.usable) this.#process = await this.#startProcess();
    if (this.#removed) this.#process.kill("The kernel was removed.");
    return this.#process;
  }

  async #startProcess(): Promise<KernelProcess> {
    const isFresh = this.#isFresh;
    const process = await this.#init.start(isFresh);
    if (isFresh === this.#isFresh) return process;
    process.kill("The kernel was restarted.");
    return await this.#init.start(true);
  }

  /** Delivers what a cell says until it has ended, or its process. */
  async #hear(cell: RunningCell, process: KernelProcess, sink: LineSink): Promise<void> {
    for await (const message of process.messages()) {
      // Said between two executions, by a task that outlived its cell.
      if ((message.id ?? cell.id) !== cell.id) continue;
      this.#lastActivity = new Date();
      if (message.type === "done") return;
      cell.heardOf(process);
      await this.#deliver(lineOf(message), sink, process);
    }
    const end = process === this.#restarted ? RESTARTED : died(process.verdict);
    await this.#deliver(this.#removed ? REMOVED : end, sink, process);
  }

  /** Waits for a client that reads slowly, until the kernel is ended from outside. */
  async #deliver(line: ExecutionLine, sink: LineSink, process: KernelProcess): Promise<void> {
    const delivered = sink(line);
    if (!process.usable) return;
    await new Promise<void>((resolve, reject) => {
      this.#giveUp = resolve;
      delivered.then(resolve, reject);
    });
  }

  /** Runs a cell that nobody hears of. With the process its variables are gone, so a dead one needs none. */
  async #runSilently(code: string): Promise<void> {
    const process = this.#process;
    if (!process?.usable) return;
    const id = ++this.#lastId;
    process.execute(id, code, true);
    for await (const message of process.messages()) {
      if (message.id === id && message.type === "done") return;
    }
  }
}
