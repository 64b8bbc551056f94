/** What follows when a run was interrupted: its kernel must be free for the next one, if need be by a restart. */
import type { Language } from "../contract/execute_code.ts";
import { describe, log } from "../log.ts";
import { type Program, run } from "../sandbox/kernel.ts";
import { type LiveSandbox, SANDBOX_CALL_MILLISECONDS } from "../sandbox/live_sandbox.ts";
import { wordless } from "../sandbox/provider_errors.ts";

/**
 * How often, and for how long each, in milliseconds, a kernel is asked whether it is free. The template notices that a
 * connection is gone within 5 s at most. It takes more than one question because Jupyter throws away what is queued
 * behind a cell that raises, and the interrupt raises.
 */
const QUESTIONS = 3;
const QUESTION_MILLISECONDS = 2_500;
/** A moment for the interrupt to come before the first question, in milliseconds. */
const HEAD_START_MILLISECONDS = 200;
/** The longest that all of it may take, in milliseconds. */
export const INTERRUPTION_MILLISECONDS = HEAD_START_MILLISECONDS + QUESTIONS * QUESTION_MILLISECONDS +
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

/**
 * Waits until the kernel of an interrupted program is free, and restarts it when it does not yield, unless `isInUse`
 * says that it serves somebody else. Returns whether it was restarted, as far as one can tell: an answer that does not
 * come proves nothing. `announce` comes before that, so that no variable goes without a word.
 *
 * @throws ContextError when the kernel, or whether it is in use, could not be asked; then it was not restarted
 */
export async function freeKernel(
  sandbox: LiveSandbox,
  program: Program,
  isInUse: () => Promise<boolean>,
  announce: () => Promise<unknown>,
): Promise<boolean> {
  await new Promise((resolve) => setTimeout(resolve, HEAD_START_MILLISECONDS));
  for (let question = 1;; question++) {
    try {
      if (await isFree(sandbox, program)) return false;
      if (question >= QUESTIONS) break;
    } catch (thrown) {
      // A kernel that could not be asked is not known to be stuck.
      if (question >= QUESTIONS) throw thrown;
    }
  }
  if (await isInUse()) return false;
  await announce();
  try {
    await restart(sandbox, program.language);
  } catch (thrown) {
    log("error", { event: "kernel_restart_not_confirmed", error: describe(wordless(thrown)) });
  }
  return true;
}

/**
 * Takes a run's environment variables away for certain. The template deletes one after the other, and in Python stops at
 * the first that the code itself has deleted.
 *
 * @throws ContextError
 */
export async function clearEnvs(sandbox: LiveSandbox, program: Program): Promise<void> {
  if (program.language === "python" && Object.keys(program.envs ?? {}).length > 1) await isFree(sandbox, program);
}

/**
 * Whether the kernel answers in time. The template takes a run's environment variables away only after a run that came
 * to its end: this one does, so it carries them, empty.
 *
 * @throws ContextError when it could not be asked
 */
async function isFree(sandbox: LiveSandbox, { language, envs = {} }: Program): Promise<boolean> {
  const question = {
    language,
    code: NOTHING[language],
    envs: Object.fromEntries(Object.keys(envs).map((name) => [name, ""])),
  };
  const answer = await run(sandbox, question, AbortSignal.timeout(QUESTION_MILLISECONDS), async () => {});
  // A sandbox that is gone holds nobody up.
  return answer.outcome !== "interrupted";
}

async function restart(sandbox: LiveSandbox, language: Language): Promise<void> {
  // Each language has one: these functions use the default one alone.
  for (const context of await sandbox.listCodeContexts()) {
    if (context.language === language) await sandbox.restartCodeContext(context);
  }
}
