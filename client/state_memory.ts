/** What a path's caller has been told of the variables there, and the words for their loss. */
import type { AcquireResponse, ExecuteResponse, Language, Loss } from "./contract.ts";

/** What answers say of the state, those of both functions. */
type Answer = AcquireResponse & Partial<Pick<ExecuteResponse, "execution">>;

const BECAUSE: Record<string, string> = {
  terminated: "It was ended on request.",
  sandbox_lost: "Its sandbox was lost.",
  evicted: "Another branch needed its place.",
  kernel_restarted: "It crashed, or had to be stopped.",
};

const SESSIONS: Record<Language, string> = {
  python: "The Python session",
  javascript: "The JavaScript session",
  typescript: "The TypeScript session",
  bash: "The shell session",
  r: "The R session",
  java: "The Java session",
};

/** What a model calls the kernel. */
export function sessionOf(language: Language = "python"): string {
  return SESSIONS[language];
}

export class StateMemory {
  #stateId: string | undefined;
  /** The state whose beginning has been told: of two calls at the same time, each is told of the loss. */
  #told: string | undefined;
  readonly #isBranch: boolean;

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
   * Notes an answer, and says in words what it tells of variables that are gone, if that has not been said before.
   * @param session what a model calls the kernel
   */
  note(answer: Answer, session: string): string | null {
    const { state_id, execution } = answer;
    const isFirst = this.#stateId === undefined;
    const said: string[] = [];
    // Of a run that lost its own kernel, the state that it began with is not named at its end: the loss before it is.
    if (this.#told !== state_id) {
      const loss = isFirst ? lossOf(answer) : answer.lost;
      if (loss !== null) said.push(wordsOf(loss, answer, session));
      else if (isFirst && this.#isBranch && answer.was_created && answer.forked_from === null) {
        said.push(`${session} of this branch begins empty: variables of the conversation before are not there.`);
      }
      if (execution?.kernel_restarted) {
        said.push(`${session} was restarted by this run: variables defined before, and by it, are gone.`);
      }
    }
    this.#told = state_id;
    this.#stateId = state_id;
    return said.length === 0 ? null : said.join(" ");
  }
}

/** To who has no memory of the path, the conversation may speak of variables that went before. */
function lossOf({ was_created, previous }: AcquireResponse): Loss | null {
  if (!was_created || previous === null) return null;
  return { reason: previous.termination_reason, at: previous.terminated_at };
}

function wordsOf({ reason }: Loss, { context }: AcquireResponse, session: string): string {
  const because = reason === "expired"
    ? `It had been idle for more than ${spanOf(idleSeconds(context))}.`
    : reason === null
    ? undefined
    : BECAUSE[reason];
  const what = `${session} was restarted: variables defined before are gone.`;
  return because === undefined ? what : `${what} ${because}`;
}

/** How long such a context may stand idle and sleep: so long, at least, the one before it did. */
function idleSeconds({ ttl_seconds, expires_at, kept_until }: AcquireResponse["context"]): number {
  return ttl_seconds + (Date.parse(kept_until) - Date.parse(expires_at)) / 1000;
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
