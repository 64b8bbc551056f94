import type { ExecuteResponse, ExecutionContext, ExecutionEvent, ExecutionResult, ToldEvent } from "./contract.ts";

type Ending = Extract<ExecutionEvent, { event: "end" }>["data"];
type Told = Extract<ToldEvent, { event: "stdout" | "stderr" | "result" | "error" }>;

/** How much of a run has been told. */
interface Progress {
  stdout: number;
  stderr: number;
  results: number;
}

/**
 * What a run has told so far. Where its stream broke and was asked for again, it is told once more from its beginning, in
 * an order that may be another one, with the same texts: what was there already is passed over.
 */
export class Transcript {
  #context: ExecutionContext | undefined;
  #said = { stdout: "", stderr: "" };
  readonly #results: ExecutionResult[] = [];
  #hasError = false;
  #ending: Ending | undefined;
  #progress: Progress = { stdout: 0, stderr: 0, results: 0 };

  /** Whether anything has been told. */
  get hasBegun(): boolean {
    return this.#context !== undefined;
  }

  /** A stream begins, with what was told first. */
  begin(): void {
    this.#progress = { stdout: 0, stderr: 0, results: 0 };
  }

  /** What of an event is new, if anything. */
  take(event: ToldEvent): ToldEvent | undefined {
    switch (event.event) {
      case "context": {
        const isKnown = JSON.stringify(event.data) === JSON.stringify(this.#context);
        this.#context = event.data;
        return isKnown ? undefined : event;
      }
      case "end":
        this.#ending = event.data;
        return event;
      default:
        return this.#takeOutput(event);
    }
  }

  #takeOutput(event: Told): ToldEvent | undefined {
    const progress = this.#progress;
    if (event.event === "result") {
      if (++progress.results <= this.#results.length) return undefined;
      this.#results.push(event.data);
      return event;
    }
    if (event.event === "error") {
      if (this.#hasError) return undefined;
      this.#hasError = true;
      return event;
    }
    const { event: name, data: { text } } = event;
    const known = this.#said[name].length - progress[name];
    progress[name] += text.length;
    const fresh = text.slice(Math.max(0, known));
    this.#said[name] += fresh;
    return fresh === "" ? undefined : { event: name, data: { text: fresh } };
  }

  /** The whole answer, once its end has been told. */
  whole(): ExecuteResponse {
    if (this.#context === undefined || this.#ending === undefined) throw new Error("The execution told no end.");
    const { replayed, state_id, ...end } = this.#ending;
    const execution = { ...end, ...this.#said, results: this.#results };
    return { ...this.#context, state_id, execution, replayed };
  }
}
