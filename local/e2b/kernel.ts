import type { KernelMessage, KernelProcess } from "./kernel_process.ts";

const INTERRUPT_GRACE_MS = 2000;

/** One line of the answer to `POST /execute`. */
export type ExecutionLine =
  | { type: "number_of_executions"; execution_count: number }
  | { type: "stdout" | "stderr"; text: string; timestamp: string }
  | { type: "error"; name: string; value: string; traceback: string }
  | Omit<Extract<KernelMessage, { type: "result" }>, "id">
  | { type: "keepalive" }
  | { type: "end_of_execution" };

/** Takes a line, and resolves when there is room for the next one. */
export type LineSink = (line: ExecutionLine) => Promise<void>;

/**
 * A Python that keeps variables between executions, for as long as its process
 * lives. The process is started by the first execution, and again by the first
 * one after it died.
 */
export class Kernel {
  readonly #start: () => Promise<KernelProcess>;
  #process: KernelProcess | undefined;
  #queue: Promise<void> = Promise.resolve();
  #lastId = 0;

  /** `start` resolves to a configured process that waits for a cell. */
  constructor(start: () => Promise<KernelProcess>) {
    this.#start = start;
  }

  /**
   * Runs one cell after all that were asked for earlier. Aborting `signal`
   * interrupts the cell and keeps the variables, if the cell lets itself be
   * interrupted; otherwise the process ends. Never rejects.
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
      if (!signal.aborted) await this.#run(code, env, sink, signal);
    } catch (error) {
      await sink(died(error instanceof Error ? error.message : String(error)));
    } finally {
      turn.resolve();
    }
    await sink({ type: "end_of_execution" });
  }

  /** Ends the process and so every variable; the next execution starts anew. */
  async restart(): Promise<void> {
    this.#process?.kill("The kernel was restarted.");
    await this.#process?.exited;
  }

  async #run(
    code: string,
    env: Record<string, string>,
    sink: LineSink,
    signal: AbortSignal,
  ): Promise<void> {
    if (!this.#process?.usable) this.#process = await this.#start();
    // Nobody waits any more: running the code now would only surprise.
    if (signal.aborted) return;
    const process = this.#process;
    const id = ++this.#lastId;
    let lastResort: ReturnType<typeof setTimeout> | undefined;
    const interrupt = () => {
      process.send({ type: "interrupt", id });
      lastResort = setTimeout(
        () => process.kill("The cell could not be interrupted."),
        INTERRUPT_GRACE_MS,
      );
    };
    signal.addEventListener("abort", interrupt);
    process.send({ type: "execute", id, code, env });
    try {
      for await (const message of process.messages()) {
        // Said between two executions, by a task that outlived its cell.
        if (message.id !== id) continue;
        if (message.type === "done") return;
        await sink(lineOf(message));
      }
      await sink(died(process.verdict));
    } finally {
      signal.removeEventListener("abort", interrupt);
      clearTimeout(lastResort);
    }
  }
}

function lineOf(
  message: Exclude<KernelMessage, { type: "done" }>,
): ExecutionLine {
  switch (message.type) {
    case "count":
      return { type: "number_of_executions", execution_count: message.count };
    case "stdout":
    case "stderr":
      return {
        type: message.type,
        text: message.text,
        timestamp: new Date().toISOString(),
      };
    default: {
      const { id: _id, ...line } = message;
      return line;
    }
  }
}

function died(reason: string): ExecutionLine {
  return {
    type: "error",
    name: "KernelDied",
    value: reason,
    traceback: `KernelDied: ${reason}\nAll variables are lost; the next execution starts a new kernel.`,
  };
}
