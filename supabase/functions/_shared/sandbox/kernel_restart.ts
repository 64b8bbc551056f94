/** Has the kernel of a language start anew, with no variable. */
import { z } from "zod";
import type { Language } from "../contract/execute_code.ts";
import { ContextError } from "../errors.ts";
import { firstJson, unavailable } from "./kernel.ts";
import { type LiveSandbox, SANDBOX_CALL_MILLISECONDS } from "./live_sandbox.ts";
import { asConnectionError } from "./provider_errors.ts";

const kernelsSchema = z.array(z.looseObject({ id: z.string(), language: z.string() }));

/**
 * Restarts the sandbox's kernel of this language, if it has one.
 *
 * @throws ContextError when it is not known whether that was done
 */
export async function restartKernel(sandbox: LiveSandbox, language: Language): Promise<void> {
  try {
    const signal = AbortSignal.timeout(SANDBOX_CALL_MILLISECONDS);
    const listed = await sandbox.listKernels();
    const kernels = kernelsSchema.safeParse(listed.ok ? await firstJson(listed, signal) : null);
    if (!kernels.success) throw unavailable(`the kernels' list came with ${listed.status}`);
    // Each language has one: these functions use the default one alone.
    for (const { id } of kernels.data.filter((kernel) => kernel.language === language)) {
      const restarted = await sandbox.restartKernel(id);
      await restarted.body?.cancel();
      if (!restarted.ok) throw unavailable(`the kernel's restart was answered ${restarted.status}`);
    }
  } catch (thrown) {
    throw thrown instanceof ContextError ? thrown : asConnectionError(thrown);
  }
}
