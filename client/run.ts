import type { ExecuteFields, ExecuteResponse, ToldEvent } from "./contract.ts";
import { ExecutionContextsError } from "./error.ts";
import { readEvents } from "./events.ts";
import { retrying, sleep } from "./retry.ts";
import { send, type Settings } from "./send.ts";
import { Transcript } from "./transcript.ts";

export type RunRequest = ExecuteFields & { readonly code: string; readonly idempotency_key: string };

/** How often a run is stopped that the functions do not know yet: its request may be on its way for as long. */
const MOST_STOPS = 10;
const STOP_AGAIN_MS = 1_000;

/** One run of code: its request is sent as often as it takes, and its key has it run once, and be stopped by name. */
export class Run {
  readonly #settings: Settings;
  /** What names the path. */
  readonly #place: Record<string, unknown>;
  readonly #request: RunRequest;
  readonly #stopped = new AbortController();
  readonly #settled = new AbortController();
  readonly #transcript = new Transcript();

  constructor(settings: Settings, place: Record<string, unknown>, request: RunRequest) {
    this.#settings = settings;
    this.#place = place;
    this.#request = request;
  }

  /**
   * Once: it is sent, and tells its events as they come.
   * @throws {ExecutionContextsError}
   * @throws the signal's reason when that is aborted; the run is stopped then
   */
  async result(tell: (event: ToldEvent) => void, signal?: AbortSignal): Promise<ExecuteResponse> {
    signal?.throwIfAborted();
    // Its caller does not wait for that.
    const stop = () => void this.stop().catch(() => {});
    signal?.addEventListener("abort", stop);
    try {
      const { retrySeconds, supabase } = this.#settings;
      const answer = await retrying(async (progress) => {
        // What was stopped before it was sent is not sent any more; what had begun is asked for its ending.
        if (!this.#transcript.hasBegun) this.#stopped.signal.throwIfAborted();
        const response = await send(supabase, "execute-code", this.#request, { signal, accept: "text/event-stream" });
        this.#transcript.begin();
        for await (const event of readEvents(response, signal)) {
          const news = this.#transcript.take(event);
          if (news === undefined) continue;
          progress();
          tell(news);
        }
        return this.#transcript.whole();
      }, { retrySeconds, signals: [signal] });
      this.#settled.abort();
      return answer;
    } catch (error) {
      // Aborted, the run may go on until its stop has come.
      if (!signal?.aborted) this.#settled.abort();
      throw error;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  /** @throws {ExecutionContextsError} when it cannot be told to the functions */
  async stop(): Promise<void> {
    const why = { code: "cancelled", message: "The run was stopped before it had begun.", retryable: false };
    this.#stopped.abort(new ExecutionContextsError(why));
    const body = { ...this.#place, idempotency_key: this.#request.idempotency_key };
    const { retrySeconds, supabase } = this.#settings;
    for (let stops = 0; stops < MOST_STOPS && !this.#settled.signal.aborted; stops++) {
      const answer = await retrying(() => send(supabase, "terminate-context", body), { retrySeconds });
      if (isStopped(answer)) return;
      await sleep(STOP_AGAIN_MS, [this.#settled.signal]);
    }
  }
}

function isStopped(answer: unknown): boolean {
  return answer instanceof Object && "cancelled" in answer &&
    answer.cancelled !== 0;
}
