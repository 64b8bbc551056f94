/** What can be done to a kernel besides giving it code: an interrupt, and a new start. */
import * as z from "zod/mini";
import type { Language } from "../contract/execute_code.ts";
import { ContextError } from "../errors.ts";
import { firstJson, unavailable } from "./kernel.ts";
import { type LiveSandbox, SANDBOX_CALL_MILLISECONDS } from "./live_sandbox.ts";
import { asConnectionError } from "./provider_errors.ts";

const kernelsSchema = z.array(z.looseObject({ id: z.string(), language: z.string() }));

/**
 * The id of a language's kernel, if there is one and only one: these functions use the default one alone, and cannot tell
 * it from others, which only who reaches the sandbox past them can have made.
 *
 * @throws ContextError
 */
export async function findKernel(
  sandbox: Pick<LiveSandbox, "listKernels">,
  language: Language,
): Promise<string | null> {
  const ids = await kernelIds(sandbox, language);
  return ids.length === 1 ? ids[0] : null;
}

/**
 * Interrupts whatever a kernel runs now. Returns whether it was told; if not, it never will be: Jupyter does not listen,
 * or refuses.
 *
 * @throws ContextError when that is not known
 */
export async function interruptKernel(
  sandbox: Pick<LiveSandbox, "interruptKernel">,
  id: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const answer = await sandbox.interruptKernel(id, signal);
    await answer.body?.cancel();
    return answer.ok;
  } catch (thrown) {
    throw asConnectionError(thrown);
  }
}

/**
 * Restarts the sandbox's kernel of this language, if it has one.
 *
 * @throws ContextError when it is not known whether that was done
 */
export async function restartKernel(sandbox: LiveSandbox, language: Language): Promise<void> {
  for (const id of await kernelIds(sandbox, language)) await restart(sandbox, id);
}

async function kernelIds(sandbox: Pick<LiveSandbox, "listKernels">, language: Language): Promise<string[]> {
  try {
    const listed = await sandbox.listKernels();
    const signal = AbortSignal.timeout(SANDBOX_CALL_MILLISECONDS);
    const kernels = kernelsSchema.safeParse(listed.ok ? await firstJson(listed, signal) : await listed.body?.cancel());
    if (!kernels.success) throw unavailable(`the kernels' list came with ${listed.status}`);
    return kernels.data.filter((kernel) => kernel.language === language).map(({ id }) => id);
  } catch (thrown) {
    throw thrown instanceof ContextError ? thrown : asConnectionError(thrown);
  }
}

async function restart(sandbox: LiveSandbox, id: string): Promise<void> {
  try {
    const answer = await sandbox.restartKernel(id);
    await answer.body?.cancel();
    if (!answer.ok) throw unavailable(`the kernel's restart was answered ${answer.status}`);
  } catch (thrown) {
    throw thrown instanceof ContextError ? thrown : asConnectionError(thrown);
  }
}
