import type { AcquireFields, AcquireResponse, ExecuteFields, PathKey } from "./contract.ts";
import { Execution } from "./execution.ts";
import { retrying } from "./retry.ts";
import { Run } from "./run.ts";
import { networkError, send, type Settings } from "./send.ts";
import { kernelName, StateMemory } from "../supabase/functions/_shared/words/state_memory.ts";

export interface PathOptions extends PathKey {
  /** The `state_id` of the last answer, where it was kept with the conversation: `stateNote` tells what was lost since. */
  readonly state_id?: string;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface AcquireResult extends AcquireResponse {
  /** In words for a model: variables that it may count on are gone, and why. Null, too, when that was said before. */
  readonly stateNote: string | null;
}

/** One branch of a conversation, which has one sandbox. Keep one object for each: it remembers what was told. */
export class Path {
  readonly #settings: Settings;
  readonly #key: PathKey;
  readonly #memory: StateMemory;

  constructor(settings: Settings, { state_id, ...key }: PathOptions) {
    this.#settings = settings;
    this.#key = key;
    this.#memory = new StateMemory(state_id, key.from_path_id !== undefined);
  }

  get conversation_id(): string {
    return this.#key.conversation_id;
  }

  get path_id(): string {
    return this.#key.path_id;
  }

  /**
   * Has a sandbox ready. Not needed before `execute`, which does so too.
   * @throws {ExecutionContextsError}
   * @throws the signal's reason when that is aborted
   */
  async acquire({ signal, ...fields }: AcquireFields & CallOptions = {}): Promise<AcquireResult> {
    const noted = this.#memory.begin();
    const answer = await this.#call("acquire-context", { ...this.#expecting(), ...fields }, signal);
    if (!isAcquired(answer)) throw networkError(new TypeError("That is no answer of acquire-context."));
    return { ...answer, stateNote: noted(answer, "The session") };
  }

  /**
   * Runs code, once, whatever becomes of connections meanwhile. Await the result, or iterate its events. What it rejects
   * with: an `ExecutionContextsError`, or the signal's reason when that is aborted, by which the run is stopped too.
   */
  execute(code: string, { signal, ...fields }: ExecuteFields & CallOptions = {}): Execution {
    const noted = this.#memory.begin();
    const request = { ...this.#expecting(), idempotency_key: newKey(), ...fields, code };
    const run = new Run(this.#settings, this.#place(), request);
    return new Execution(async (tell) => {
      const answer = await run.result(tell, signal);
      return { ...answer, stateNote: noted(answer, kernelName(fields.language)) };
    }, () => run.stop());
  }

  /** Stops all that runs on the path; the variables stay. */
  async cancel(): Promise<void> {
    await this.#call("terminate-context", { ...this.#place(), executions: true });
  }

  /**
   * Ends the path's context, and with it its sandbox and variables. Ending twice is no error.
   * @throws as `acquire`
   */
  async terminate({ signal }: CallOptions = {}): Promise<void> {
    await this.#call("terminate-context", this.#place(), signal);
  }

  /** The path that begins with this one's variables and files, where it has none of its own yet. */
  branch(path_id: string): Path {
    return new Path(this.#settings, { ...this.#key, path_id, from_path_id: this.path_id });
  }

  async #call(name: string, body: Record<string, unknown>, signal?: AbortSignal): Promise<unknown> {
    const { supabase, retrySeconds } = this.#settings;
    return await retrying(() => send(supabase, name, body, { signal }), { retrySeconds, signals: [signal] });
  }

  /** What a request for variables says. */
  #expecting(): Record<string, unknown> {
    return { ...this.#key, expects: this.#memory.expected };
  }

  /** What names the path to a request that ends something: it takes no source. */
  #place(): Record<string, unknown> {
    const { from_path_id: _source, ...place } = this.#key;
    return place;
  }
}

function isAcquired(answer: unknown): answer is AcquireResponse {
  return answer instanceof Object && "state_id" in answer && "context" in answer;
}

/** `crypto.randomUUID` is not there for pages that come by plain HTTP from another machine, as in development. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
