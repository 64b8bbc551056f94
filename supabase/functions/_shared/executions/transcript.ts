/** What a run said, as much of it as may be kept, told piece by piece as it comes. */
import type { Execution, ExecutionError, ExecutionEvent, ExecutionResult } from "../contract/execute_code.ts";
import { utf8Length } from "../contract/path.ts";
import { SMALL_BYTES } from "../memory.ts";
import { type KernelMessage, LINE_BYTES, RESULT_VALUES } from "../sandbox/kernel.ts";
import { capped, CappedText } from "./capped_text.ts";
import { isDeeper } from "./nesting.ts";

/** Most characters kept of stdout, and of stderr: the first half and the last. */
const STREAM_CHARACTERS = 20_000;
/** Most characters kept of all results together, as the kernel wrote them. */
const RESULTS_CHARACTERS = LINE_BYTES;
/** How deep a result that is kept may be nested. */
const RESULT_DEPTH = 500;
/** Most characters kept of a traceback, and of an exception's text. */
const ERROR_CHARACTERS = 20_000;
const NAME_CHARACTERS = 200;

export class Transcript {
  readonly #streams = { stdout: new CappedText(STREAM_CHARACTERS), stderr: new CappedText(STREAM_CHARACTERS) };
  readonly #results: ExecutionResult[] = [];
  #resultsCharacters = 0;
  #resultsValues = 0;
  #resultsOmitted = 0;
  #bytes = 0;
  #error: ExecutionError | null = null;
  #count: number | null = null;

  /**
   * `tell` is given each piece that is kept, in the order in which the kernel said it. Results that are not small
   * together are kept only if `hasRoom` says so.
   */
  constructor(
    private readonly tell: (event: ExecutionEvent) => Promise<void>,
    private readonly hasRoom: () => Promise<boolean>,
  ) {}

  /** How many characters of results are kept. */
  get resultsCharacters(): number {
    return this.#resultsCharacters;
  }

  /** How much the run said, in bytes of UTF-8, what is left out included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The class of the exception that ended the run. */
  get errorName(): string | null {
    return this.#error && this.#error.name;
  }

  /** Takes in what the kernel said. */
  async take(message: KernelMessage): Promise<void> {
    switch (message.type) {
      case "number_of_executions":
        this.#count = message.execution_count;
        break;
      case "stdout":
      case "stderr":
        await this.#say(message.type, message.text);
        break;
      case "output": {
        const stream = this.#streams[message.of];
        if (!stream.hasHead) {
          await this.#say(message.of, message.text.toString());
          break;
        }
        const { characters, bytes } = message.text.measure();
        this.#bytes += bytes;
        stream.appendTail(characters, message.text.tail(STREAM_CHARACTERS / 2));
        break;
      }
      case "result": {
        this.#bytes += message.characters;
        const { type: _type, characters, values, ...result } = message;
        if (!await this.#canKeep(characters, values) || isDeeper(result, RESULT_DEPTH)) {
          this.#resultsOmitted++;
          break;
        }
        this.#resultsCharacters += characters;
        this.#resultsValues += values;
        this.#results.push(result);
        await this.tell({ event: "result", data: result });
        break;
      }
      case "error":
        await this.#fail({
          name: capped(message.name, NAME_CHARACTERS),
          value: capped(message.value, ERROR_CHARACTERS),
          traceback: capped(message.traceback, ERROR_CHARACTERS),
        });
        break;
      case "too_long":
        this.#bytes += message.characters;
        if (message.of === "stdout" || message.of === "stderr") this.#streams[message.of].omit(message.characters);
        else if (message.of !== "error") this.#resultsOmitted++;
        else {
          const value = `The exception's text of ${message.characters} characters was left out.`;
          await this.#fail({ name: "Error", value, traceback: "" });
        }
    }
  }

  /** Tells the tails that were held back while the run might still go on. */
  async close(): Promise<void> {
    for (const event of ["stdout", "stderr"] as const) {
      const { rest } = this.#streams[event];
      if (rest !== "") await this.tell({ event, data: { text: rest } });
    }
  }

  /** The run as the answer has it. `interrupted`: why, if it was. */
  execution(
    interrupted: "timed_out" | "output_limit" | "cancelled" | "cut_off" | null,
  ): Omit<Execution, "duration_ms" | "kernel_restarted" | "outputs"> {
    const { stdout, stderr } = this.#streams;
    const truncated = { stdout: stdout.omitted, stderr: stderr.omitted, results: this.#resultsOmitted };
    return {
      status: interrupted ?? (this.#error ? "error" : "ok"),
      results: this.#results,
      stdout: stdout.toString(),
      stderr: stderr.toString(),
      error: this.#error,
      execution_count: this.#count,
      truncated: Object.values(truncated).every((omitted) => omitted === 0) ? null : truncated,
    };
  }

  async #canKeep(characters: number, values: number): Promise<boolean> {
    const all = this.#resultsCharacters + characters;
    return this.#resultsValues + values <= RESULT_VALUES && all <= RESULTS_CHARACTERS &&
      (all <= SMALL_BYTES || await this.hasRoom());
  }

  async #say(event: "stdout" | "stderr", said: string): Promise<void> {
    this.#bytes += bytesOf(said);
    const text = this.#streams[event].append(said);
    if (text !== "") await this.tell({ event, data: { text } });
  }

  async #fail(error: ExecutionError): Promise<void> {
    this.#error = error;
    await this.tell({ event: "error", data: error });
  }
}

function bytesOf(text: string): number {
  // The look is cheaper than the encoding that it saves: most output is ASCII.
  // deno-lint-ignore no-control-regex -- the range of ASCII
  return /^[\x00-\x7f]*$/.test(text) ? text.length : utf8Length(text);
}
