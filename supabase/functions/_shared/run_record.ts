/** The bookkeeping of one run. Whatever goes wrong with it is logged, and never the run's trouble. */
import { awaitUntil } from "./background.ts";
import type { Call } from "./call.ts";
import type { KeptAnswer, LedgerEnd, LedgerEntry } from "./execution_store.ts";
import { describe, log } from "./log.ts";

/** How soon a beginning that could not be noted is tried again, in milliseconds. */
const AGAIN_MILLISECONDS = 2_000;
/** The longest that a caller waits for the note of an end, in milliseconds; then it goes on in the background. */
const PATIENCE_MILLISECONDS = 3_000;

/** A run's row in the ledger, and the answer under its idempotency key if it has one. */
export class RunRecord {
  readonly #again = new AbortController();
  #begunAt: number | undefined;

  /** `limit`: within how many milliseconds from its beginning the run's end will be noted. */
  constructor(
    private readonly call: Pick<Call, "executions" | "answerBy">,
    private readonly entry: LedgerEntry,
    private readonly limit: number,
    private readonly hasKey: boolean,
  ) {}

  /** When the kernel began, on `performance.now()`'s clock. */
  get begunAt(): number | undefined {
    return this.#begunAt;
  }

  /** Notes that the kernel has begun, while it runs: nothing waits for that. */
  begin(): void {
    if (this.#begunAt !== undefined) return;
    this.#begunAt = performance.now();
    void this.#noteBeginning();
  }

  /** Notes how the run ended. One that never began has no row, but its answer is kept. */
  async end(end: LedgerEnd, answer?: KeptAnswer): Promise<void> {
    this.#again.abort();
    const { executions, answerBy } = this.call;
    const notes = [
      ...(this.#begunAt === undefined ? [] : [executions.finish(this.entry, end)]),
      ...(this.hasKey ? [executions.answer(this.entry.executionId, answer)] : []),
    ];
    await awaitUntil(
      Math.min(answerBy, performance.now() + PATIENCE_MILLISECONDS),
      Promise.all(notes.map((note) => this.#logged("execution_not_noted", note))),
    );
  }

  /** Until it is noted or the run is over: without it, others could take the kernel for stuck. */
  async #noteBeginning(): Promise<void> {
    while (!this.#again.signal.aborted) {
      if (await this.#logged("beginning_not_noted", this.call.executions.start(this.entry, this.limit))) return;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MILLISECONDS));
    }
  }

  async #logged(event: string, step: Promise<unknown>): Promise<boolean> {
    try {
      await step;
      return true;
    } catch (error) {
      const ids = { context_id: this.entry.contextId, execution_id: this.entry.executionId };
      log("error", { event, ...ids, error: describe(error) });
      return false;
    }
  }
}
