/** What a path's caller has been told of the variables there, and the words for their loss. */
import type { AcquireResponse } from "../contract/acquire_context.ts";
import type { ExecuteResponse, Language } from "../contract/execute_code.ts";
import type { Loss } from "../contract/state.ts";

/** What answers say of the state, those of both functions. */
export type StateAnswer = AcquireResponse & Partial<Pick<ExecuteResponse, "execution">>;

/** What a model calls the languages. */
export const LANGUAGES: Record<Language, string> = {
  python: "Python",
  javascript: "JavaScript",
  typescript: "TypeScript",
  bash: "shell",
  r: "R",
  java: "Java",
};

/** What a model calls a kernel. */
export function kernelName(language: Language = "python"): string {
  return `The ${LANGUAGES[language]} session`;
}

/** What a model is told when its own run cost the kernel. */
export function restartedByRun(session: string): string {
  return `${session} was restarted by this run: variables defined before, and by it, are gone.`;
}

export class StateMemory {
  #stateId: string | undefined;
  /** Whose beginning has been told: of two calls at the same time, each is told of the loss. */
  readonly #told = new Set<string>();
  readonly #isBranch: boolean;
  /** How long the context seen last may stand idle and sleep, in seconds. */
  #idleSeconds: number | undefined;
  #calls = 0;
  #lastNoted = 0;

  /** @param stateId what the caller has seen last, if it was kept */
  constructor(stateId: string | undefined, isBranch: boolean) {
    this.#stateId = stateId;
    this.#isBranch = isBranch;
  }

  /** For `expects`. */
  get expected(): string | undefined {
    return this.#stateId;
  }

  /**
   * A call begins. What this returns notes its answer, and says in words what that tells of variables that are gone, if it
   * has not been said before. `session` is what a model calls the kernel.
   */
  begin(): (answer: StateAnswer, session: string) => string | null {
    const call = ++this.#calls;
    const isFirst = this.#stateId === undefined;
    return (answer, session) => {
      const note = this.#told.has(answer.state_id) ? "" : this.#wordsOf(answer, isFirst, session);
      this.#told.add(answer.state_id);
      // The answer of a call that began earlier, and took longer, knows less.
      if (call < this.#lastNoted) return note || null;
      this.#lastNoted = call;
      this.#stateId = answer.state_id;
      const { ttl_seconds, expires_at, kept_until } = answer.context;
      this.#idleSeconds = ttl_seconds + (Date.parse(kept_until) - Date.parse(expires_at)) / 1000;
      return note || null;
    };
  }

  #wordsOf(answer: StateAnswer, isFirst: boolean, session: string): string {
    const { was_created, forked_from, execution } = answer;
    const said: string[] = [];
    const loss = isFirst ? lossOf(answer) : answer.lost;
    if (loss !== null) said.push(...this.#wordsOfLoss(loss, answer, session));
    else if (isFirst && this.#isBranch && was_created && forked_from === null) {
      said.push(`${session} of this branch begins empty: variables of the conversation before are not there.`);
    }
    if (execution?.kernel_restarted) {
      said.push(restartedByRun(session));
    }
    return said.join(" ");
  }

  #wordsOfLoss({ reason }: Loss, { was_created, forked_from }: StateAnswer, session: string): string[] {
    if (was_created && forked_from !== null) {
      const again = `${session} is a new copy of that of the branch "${forked_from.path_id}"`;
      return [`${again}: variables that this branch had defined itself are gone.`];
    }
    // It may have been that of another language.
    const what = reason === "kernel_restarted"
      ? "A session here was restarted: variables that were defined in its language before are gone."
      : `${session} was restarted: variables defined before are gone.`;
    const because = this.#because(reason);
    return because === undefined ? [what] : [what, because];
  }

  #because(reason: string | null): string | undefined {
    switch (reason) {
      case "terminated":
        return "It was ended on request.";
      case "expired":
        return this.#idleSeconds === undefined
          ? "It had not been used for too long."
          : `It had been idle for more than ${spanOf(this.#idleSeconds)}.`;
      case "sandbox_lost":
        return "Its sandbox was lost.";
      case "evicted":
        return "Another branch needed its place.";
      case "kernel_restarted":
        return "It crashed, or had to be stopped.";
    }
  }
}

/** To who has no memory of the path, the conversation may speak of variables that went before. */
function lossOf({ was_created, previous }: AcquireResponse): Loss | null {
  if (!was_created || previous === null) return null;
  return { reason: previous.termination_reason, at: previous.terminated_at };
}

function spanOf(seconds: number): string {
  const minutes = Math.max(1, Math.round(seconds / 60));
  const [count, unit] = minutes < 120
    ? [minutes, "minute"]
    : minutes < 48 * 60
    ? [Math.round(minutes / 60), "hour"]
    : [Math.round(minutes / (24 * 60)), "day"];
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}
