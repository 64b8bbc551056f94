/** A caller in the chaos. It counts in the kernel, so that state which goes without a word is caught. */
import type { SupabaseClient } from "@supabase/supabase-js";
import { z } from "zod";
import type { AcquireResponse } from "../../../supabase/functions/_shared/contract/acquire_context.ts";
import type { ExecuteResponse } from "../../../supabase/functions/_shared/contract/execute_code.ts";
import type { Random } from "./random.ts";
import type { Tally } from "./tally.ts";

export interface Path {
  readonly conversation_id: string;
  readonly path_id: string;
}

/** Further than any counter comes. */
const FAR = 1_000_000;

const resumedSchema = z.object({ was_resumed: z.literal(true) });
const errorSchema = z.object({ code: z.string(), retryable: z.boolean().optional() });

export class ChaosClient {
  /** What this caller last heard of the path's variables, and how far its counter among them had come for certain. */
  #known: { contextId: string; lostAt: string | undefined; count: number } | null = null;
  /** Executions since then of which nobody knows whether they ran. */
  #unknown = 0;

  constructor(
    private readonly name: string,
    private readonly client: SupabaseClient,
    private readonly path: Path,
    private readonly random: Random,
    private readonly tally: Tally,
    private readonly fate: {
      /** Kills a context's sandbox at the provider, behind the functions' back. */
      readonly kill: (contextId: string) => Promise<void>;
      /** Lets the path's context come to its end. */
      readonly expire: () => Promise<void>;
      /** Lets it fall asleep, whatever runs there. */
      readonly sleep: () => Promise<void>;
    },
  ) {}

  /** Does one operation after the other until `signal`. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.tally.operations++;
      await this.random.pick<() => Promise<void>>([
        [55, () => this.#count()],
        [15, () => this.#once()],
        [18, () => this.#acquire()],
        [6, () => this.#terminate(this.path)],
        [1, () => this.#terminate({ conversation_id: this.path.conversation_id })],
        [4, async () => this.#known === null ? undefined : await this.fate.kill(this.#known.contextId)],
        [2, () => this.fate.expire()],
        [4, () => this.fate.sleep()],
        [8, () => this.#branch()],
      ])();
    }
  }

  /** Comes back once more when chaos is over: a sandbox that was killed behind our back is found out by its next caller. */
  async comeBack(): Promise<void> {
    await this.#count();
  }

  async #count(): Promise<void> {
    const code = `${this.name} = globals().get("${this.name}", 0) + 1\n${this.name}`;
    const answer = await this.#invoke<ExecuteResponse>("execute-code", { ...this.path, code });
    if (answer === null || answer.execution.status !== "ok") {
      this.#unknown++;
      return;
    }
    const count = Number(answer.execution.results[0]?.text);
    this.#hear(answer);
    const last = this.#known?.count ?? 0;
    if (!(count > last && count <= last + 1 + this.#unknown)) {
      this.#violation(`counted ${count} in context ${answer.context.id} after ${last} (${this.#unknown} unknown)`);
    }
    this.#known = { contextId: answer.context.id, lostAt: answer.previous?.terminated_at, count };
    this.#unknown = 0;
  }

  /** Repeats one request with one key until it is answered, or told not to; no key may ever have run twice. */
  async #once(): Promise<void> {
    const key = crypto.randomUUID();
    const code = `${this.name}_once = globals().get("${this.name}_once", {})
${this.name}_once["${key}"] = ${this.name}_once.get("${key}", 0) + 1
max(${this.name}_once.values())`;
    for (let attempt = 1; attempt <= 5; attempt++) {
      const answer = await this.#invoke<ExecuteResponse>("execute-code", { ...this.path, code, idempotency_key: key });
      if (answer === null) continue;
      // That of a repeat may be of a context which has ended meanwhile.
      if (!answer.replayed) this.#hear(answer);
      const most = answer.execution.results[0]?.text;
      if (answer.execution.status === "ok" && most !== "1") this.#violation(`a key has run ${most} times`);
      return;
    }
  }

  /** A branch's counter begins where its source's is, and neither counts for the other. */
  async #branch(): Promise<void> {
    const source = this.#known;
    const unknown = this.#unknown;
    const own = { ...this.path, path_id: `${this.path.path_id}-${crypto.randomUUID()}` };
    const code = `${this.name} = globals().get("${this.name}", 0)\n${this.name} += ${FAR}\n${this.name} - ${FAR}`;
    const branching = { ...own, from_path_id: this.path.path_id, code };
    const answer = await this.#invoke<ExecuteResponse>("execute-code", branching);
    this.tally.branches += Number(answer?.forked_from !== undefined && answer?.forked_from !== null);
    await this.#terminate(own);
    if (answer === null || answer.execution.status !== "ok" || answer.previous !== null) return;
    const count = Number(answer.execution.results[0]?.text);
    if (answer.forked_from === null && count !== 0) this.#violation(`a branch of nothing counts ${count}`);
    if (source === null || answer.forked_from?.context_id !== source.contextId) return;
    if (count >= source.count && count <= source.count + unknown) return;
    // The source may have lost its variables before, without our knowledge: then it says so.
    const now = await this.#invoke<AcquireResponse>("acquire-context", this.path);
    if (now === null) return;
    const hasLost = now.context.id !== source.contextId || now.previous?.terminated_at !== source.lostAt;
    if (!hasLost) this.#violation(`a branch counts ${count}, its source ${source.count} (${unknown} unknown)`);
    this.#hear(now);
  }

  async #acquire(): Promise<void> {
    const answer = await this.#invoke<AcquireResponse>("acquire-context", this.path);
    if (answer !== null) this.#hear(answer);
  }

  async #terminate(scope: object): Promise<void> {
    await this.#invoke("terminate-context", scope);
  }

  /** Takes note of the context in an answer. One that is new to us, or has a new kernel, must say so. */
  #hear({ context, previous }: AcquireResponse): void {
    // A kernel that is restarted keeps its context, which tells of that as it does of the context before it.
    const lostAt = previous?.terminated_at;
    if (this.#known?.contextId === context.id && this.#known.lostAt === lostAt) return;
    // Every context that follows another names it, also to callers who did not create it.
    if (this.#known !== null && previous === null) {
      this.#violation(`context ${context.id} replaced ${this.#known.contextId} without a word`);
    }
    // A restart is noted before it is asked for. Where the sandbox fell asleep in between, the variables are there still.
    if (this.#known?.contextId === context.id) this.#unknown += this.#known.count;
    this.#known = { contextId: context.id, lostAt, count: 0 };
  }

  async #invoke<Answer>(name: string, body: object): Promise<Answer | null> {
    const { data, error, response } = await this.client.functions.invoke<Answer>(name, { body: { ...body } });
    if (!error) {
      this.tally.wakes += Number(resumedSchema.safeParse(data).success);
      return data;
    }
    const told = errorSchema.safeParse(await response?.json().catch(() => null)).data;
    const code = told?.code ?? "none";
    this.tally.errors[code] = (this.tally.errors[code] ?? 0) + 1;
    // The platform's own word for a process that died says nothing of retrying.
    if (told?.retryable ?? true) this.tally.retryable_errors++;
    else this.tally.fatal_errors++;
    if (told && ["internal", "misconfigured", "forbidden_conversation", "cannot_fork"].includes(told.code)) {
      this.#violation(`${name} answered ${told.code}`);
    }
    return null;
  }

  #violation(what: string): void {
    this.tally.violations.push(`${this.name}: ${what}`);
  }
}
