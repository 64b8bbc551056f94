/** What follows when a run was interrupted: its kernel must be free for the next one, if need be by a restart. */
import type { Language } from "../contract/execute_code.ts";
import { describe, log } from "../log.ts";
import { type Ending, KERNEL_RESTARTED, type Program, run, unavailable } from "../sandbox/kernel.ts";
import { restartKernel } from "../sandbox/kernel_control.ts";
import { type LiveSandbox, SANDBOX_CALL_MILLISECONDS } from "../sandbox/live_sandbox.ts";

/**
 * How often, and for how long each, in milliseconds, a kernel is asked whether it is free. The template notices that a
 * connection is gone within 5 s at most. It takes more than one question because Jupyter throws away what is queued
 * behind a cell that raises, and the interrupt raises.
 */
const QUESTIONS = 3;
const QUESTION_MILLISECONDS = 2_500;
/** Most that is read of the answer, in bytes: something else may be talking in that kernel. */
const QUESTION_BYTES = 2 * 1024 * 1024;
/** A moment for the interrupt to come before the first question, in milliseconds. */
const HEAD_START_MILLISECONDS = 200;
/** How long a kernel that was interrupted has to yield before its connection is dropped, in milliseconds. */
export const YIELD_MILLISECONDS = 2_000;
/** The longest that all of it may take, in milliseconds. */
export const INTERRUPTION_MILLISECONDS = YIELD_MILLISECONDS + HEAD_START_MILLISECONDS +
  QUESTIONS * QUESTION_MILLISECONDS +
  2 * SANDBOX_CALL_MILLISECONDS;

/** A program that does nothing, though kernels count it: the next one's number is one higher. */
const NOTHING: Record<Language, string> = {
  python: "#",
  r: "#",
  bash: "#",
  javascript: "//",
  typescript: "//",
  java: "//",
};

/** What is to be known of a run for the care of its kernel. */
export interface Interrupted {
  readonly program: Program;
  /** The number that its kernel gave it. */
  readonly count: number | null;
}

/**
 * Waits until the kernel of an interrupted program is free, and restarts it when it does not yield, unless `isInUse`
 * says that it serves somebody else. Returns whether it was restarted, by us or because the interrupt ended it, as far
 * as one can tell: an answer that does not come proves nothing. `announce` comes before that, so that no variable goes
 * without a word.
 *
 * @throws ContextError when the kernel, or whether it is in use, could not be asked; then it was not restarted
 */
export async function freeKernel(
  sandbox: LiveSandbox,
  interrupted: Interrupted,
  isInUse: () => Promise<boolean>,
  announce: () => Promise<unknown>,
): Promise<boolean> {
  await new Promise((resolve) => setTimeout(resolve, HEAD_START_MILLISECONDS));
  for (let question = 1;; question++) {
    try {
      const answer = await ask(sandbox, interrupted.program);
      if (answer.outcome === "closed") throw unavailable("its port is closed");
      // A sandbox that is gone holds nobody up.
      if (answer.outcome !== "interrupted") return await noteIfNew(answer.count, interrupted, announce);
      if (question >= QUESTIONS) break;
    } catch (thrown) {
      // A kernel that could not be asked is not known to be stuck.
      if (question >= QUESTIONS) throw thrown;
    }
  }
  if (await isInUse()) return false;
  await announce();
  try {
    await restartKernel(sandbox, interrupted.program.language);
  } catch (thrown) {
    log("error", { event: "kernel_restart_not_confirmed", error: describe(thrown) });
  }
  return true;
}

/**
 * Takes a run's environment variables away for certain. The template deletes one after the other, and in Python stops at
 * the first that the code itself has deleted. Returns whether its kernel turned out to have gone, which `announce` tells.
 *
 * @throws ContextError
 */
export async function clearEnvs(
  sandbox: LiveSandbox,
  ended: Interrupted,
  announce: () => Promise<unknown>,
): Promise<boolean> {
  const { language, envs = {} } = ended.program;
  if (language !== "python" || Object.keys(envs).length <= 1) return false;
  const answer = await ask(sandbox, ended.program);
  return await noteIfNew(answer.count, ended, announce);
}

/**
 * Whether a kernel that gives this number is another one than the run's, which is announced: the question is counted, and
 * would hide from the ledger that the next run's number is not the one behind the last.
 */
async function noteIfNew(
  count: number | null,
  { count: last }: Interrupted,
  announce: () => Promise<unknown>,
): Promise<boolean> {
  // No kernel gives a number twice, and a new one begins with the first.
  if (count === null || last === null || count > last) return false;
  await announce();
  return true;
}

/**
 * Asks the kernel for its next number, by a program that does nothing: `interrupted` when it does not answer in time. The template takes a run's environment variables away only
 * after a run that came to its end: this one does, so it carries them, empty.
 *
 * @throws ContextError when nobody knows whether it was asked
 */
export async function ask(
  sandbox: LiveSandbox,
  { language, envs = {} }: Program,
): Promise<Ending & { readonly count: number | null; readonly isRestarted: boolean }> {
  const question = {
    language,
    code: NOTHING[language],
    envs: Object.fromEntries(Object.keys(envs).map((name) => [name, ""])),
  };
  let count: number | null = null;
  let isRestarted = false;
  const ending = await run(sandbox, question, AbortSignal.timeout(QUESTION_MILLISECONDS), (message) => {
    if (message.type === "number_of_executions") count = message.execution_count;
    else if (message.type === "error" && message.name === KERNEL_RESTARTED) isRestarted = true;
    return Promise.resolve();
  }, { most: QUESTION_BYTES });
  return { ...ending, count, isRestarted };
}
