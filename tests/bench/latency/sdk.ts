/** E2B's own SDK, without anything that knows which sandbox is a path's. */
import { Sandbox } from "@e2b/code-interpreter";
import { PROGRAM, type Scene } from "./scene.ts";
import type { Stopwatch } from "./stopwatch.ts";
import { ANSWER, FIRST_OUTPUT, type Way } from "./way.ts";

export function sdk(scene: Scene): Way[] {
  return [{
    name: "SDK's connect + runCode",
    run: async (watch) => await runCode(await Sandbox.connect(scene.sandboxId, options(scene)), watch),
  }];
}

/** How the SDK finds the sandbox provider. */
export function options({ provider, proxy }: Scene): { apiKey: string; apiUrl: string; sandboxUrl: string } {
  return { apiKey: provider.apiKey, apiUrl: proxy.url, sandboxUrl: proxy.url };
}

/** Runs the program, and marks its first output and its end. */
export async function runCode(sandbox: Sandbox, watch: Stopwatch): Promise<void> {
  let isFirst = true;
  await sandbox.runCode(PROGRAM.code, {
    language: PROGRAM.language,
    onStdout: () => {
      if (isFirst) watch.mark(FIRST_OUTPUT);
      isFirst = false;
    },
  });
  watch.mark(ANSWER);
}
