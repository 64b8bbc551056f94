/** The bookkeeping of one run. Whatever goes wrong with it is logged, and never the run's trouble. */
import { awaitUntil } from "../background.ts";
import { describe, log } from "../log.ts";
import { handOnBy } from "../worker.ts";
import type { ExecutionCall } from "./execution_call.ts";
import type { LedgerEnd, LedgerEntry, State } from "./execution_store.ts";
import type { KeptAnswer } from "./key_store.ts";

/** How soon a beginning that could not be noted is tried again, in milliseconds. */
const AGAIN_MILLISECONDS = 2_000;
/** The longest that a caller waits for the note of an answer, in milliseconds; then it goes on in the background. */
const PATIENCE_MILLISECONDS = 3_000;
/**
 * The same for what the note of the beginning answers: the note of the end waits for it, and, where the kernel may be
 * another one than before, the answer. A database that takes longer leaves it to the next acquire to tell what was lost.
 */
const LOSS_MILLISECONDS = 2_000;
/**
 * How soon after its claim a run must have begun, in milliseconds, for its number to tell whose it is: later, others may
 * have cost the kernel since, and used up as many numbers in the new one. A kernel takes longer than that to start.
 */
const SOON_MILLISECONDS = 500;

/** A run's row in the ledger, and the answer under its idempotency key if it has one. */
export class RunRecord {
  readonly #over = Promise.withResolvers<void>();
  #begunAt: number | undefined;
  #count: number | null = null;
  #beginning: Promise<void> = Promise.resolve();
  #found: State | undefined;
  #stateId: string | null = null;

  /**
   * `limit`: within how many milliseconds from its beginning the run's end will be noted. `kernelCount`: the last number of
   * the kernel that the run is meant for, if it is known, as of `knownSince` on `performance.now()`'s clock.
   */
  constructor(
    private readonly call: Pick<ExecutionCall, "executions" | "keys" | "answerBy" | "ending">,
    private readonly entry: LedgerEntry,
    private readonly limit: number,
    private readonly hasKey: boolean,
    private readonly kernel: { readonly kernelCount: number | null; readonly knownSince: number },
  ) {}

  /** When the kernel began, on `performance.now()`'s clock. */
  get begunAt(): number | undefined {
    return this.#begunAt;
  }

  /** Which of its kernel's executions it is. */
  get count(): number | null {
    return this.#count;
  }

  /** Notes that the kernel has begun, as number `count` of its executions, while it runs: nothing waits for that. */
  begin(count: number | null): void {
    if (this.#begunAt !== undefined) return;
    this.#begunAt = performance.now();
    this.#count = count;
    this.#beginning = this.#noteBeginning(this.#begunAt);
  }

  /** What variables the run found, and how those before were lost, if they were, and as far as that has been told. */
  async found(): Promise<State | undefined> {
    // After a restart its beginning must not be noted: its number would be taken for one of the new kernel's.
    if (!this.#isSameKernel || this.#stateId !== null) await this.#patiently(LOSS_MILLISECONDS, this.#beginning);
    return this.#found;
  }

  /** No kernel gives a number twice, and a new one begins anew. */
  get #isSameKernel(): boolean {
    const { kernelCount, knownSince } = this.kernel;
    if (this.#count === null || this.#begunAt === undefined || kernelCount === null) return false;
    return this.#count > kernelCount && this.#begunAt - knownSince <= SOON_MILLISECONDS;
  }

  /** Of the variables that are there since the run has cost its kernel; null if it has not. */
  get stateId(): string | null {
    return this.#stateId;
  }

  /**
   * Notes that the kernel was restarted because of the run, or is about to be.
   *
   * @throws ContextError
   */
  async restart(): Promise<void> {
    // Noted later, the beginning would look like one in the new kernel.
    await this.#patiently(LOSS_MILLISECONDS, this.#beginning);
    this.#stateId = await this.call.executions.noteKernelRestart(this.entry);
  }

  /**
   * Notes how the run ended. One that never began has no row in the ledger, but its answer is kept. Only who gave a key
   * waits for that: whoever comes again must find the answer.
   */
  async end(end: LedgerEnd, answer?: KeptAnswer): Promise<void> {
    const { executions, keys } = this.call;
    const note = async () => {
      if (this.#begunAt === undefined) return await executions.close(this.entry.executionId);
      await this.#patiently(LOSS_MILLISECONDS, this.#beginning);
      return await executions.finish(this.entry, end);
    };
    const notes = [
      note(),
      ...(this.hasKey ? [keys.answer(this.entry.executionId, answer)] : []),
    ];
    const noted = Promise.all(notes.map((note) => this.#logged("execution_not_noted", note)));
    await this.#patiently(this.hasKey ? PATIENCE_MILLISECONDS : 0, noted);
  }

  /** Waits for notes when the run is over, as far as there is time. */
  async #patiently(patience: number, notes: Promise<unknown>): Promise<void> {
    this.#over.resolve();
    const { answerBy, ending } = this.call;
    await awaitUntil(Math.min(answerBy, handOnBy(ending), performance.now() + patience), notes);
  }

  /** Until it is noted or the run is over: without it, others could take the kernel for stuck. */
  async #noteBeginning(begunAt: number): Promise<void> {
    const count = this.#count ?? undefined;
    const note = async () => {
      const elapsed = performance.now() - begunAt;
      this.#found = await this.call.executions.start(this.entry, { elapsed, limit: this.limit, count });
    };
    while (!await this.#logged("beginning_not_noted", note())) {
      if (await awaitUntil(performance.now() + AGAIN_MILLISECONDS, this.#over.promise)) return;
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
