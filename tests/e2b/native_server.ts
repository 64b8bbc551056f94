import { Sandbox } from "@e2b/code-interpreter";
import { type E2BOptions, type E2BServer, startE2B } from "../../local/e2b/server.ts";
import { needing } from "../support/needs.ts";
import { type Connection, connectionTo } from "./local_server.ts";

const { test } = await needing("the native kernel");

/** Enough for Python, and little enough that a bomb need not fill a gibibyte. */
export const SMALL_MEMORY = 256 * 1024 ** 2;

/** A test with a server of its own whose sandboxes are native; Deno's sanitizers prove that nothing of it is left. */
export function nativeTest(
  name: string,
  run: (connection: Connection, server: E2BServer) => Promise<void>,
  options: E2BOptions = {},
): void {
  test(name, async () => {
    const server = await startE2B({ kernel: "native", memoryLimitBytes: SMALL_MEMORY, ...options });
    try {
      await run(connectionTo(server), server);
    } finally {
      await server.stop();
    }
  }, { sanitizeOps: true, sanitizeResources: true });
}

/** What a cell prints; its error, if it has one. */
export async function outcome(sandbox: Sandbox, code: string, language = "python"): Promise<string> {
  const { logs, error } = await sandbox.runCode(code, { language, timeoutMs: 120_000 });
  return logs.stdout.join("") + logs.stderr.join("") + (error === undefined ? "" : `${error.name}: ${error.value}`);
}
