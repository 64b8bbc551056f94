/** What must hold when the fuzzer is done. */
import type postgres from "postgres";
import type { Stack } from "../../../local/stack.ts";
import { invoke, service } from "../../support/clients.ts";
import { alive } from "../../support/provider.ts";
import { eventually, sweepNow } from "../../support/settle.ts";

/** How many paths are tried at the same time: each starts a kernel. */
const AT_ONCE = 4;

/** Runs code on each path that there ever was, and ends it. Returns what failed, and how many paths there were. */
export async function tryPaths(stack: Stack, sql: postgres.Sql): Promise<{ paths: number; failures: string[] }> {
  const client = service(stack);
  const failures: string[] = [];
  const paths = await sql<{ tenant_id: string; conversation_id: string; path_id: string }[]>`
    select distinct tenant_id, conversation_id, path_id from copilot_internal.execution_contexts`;
  const left = [...paths];
  const work = async () => {
    for (let path = left.pop(); path !== undefined; path = left.pop()) {
      try {
        const { execution } = await invoke(client, "execute-code", { ...path, code: "6 * 7", language: "javascript" });
        if (execution.results[0]?.text !== "42") throw new Error(`6 * 7 is ${JSON.stringify(execution)}`);
        await invoke(client, "terminate-context", { ...path });
      } catch (error) {
        failures.push(`path ${JSON.stringify(path)} is stuck: ${error instanceof Error ? error.message : error}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { paths: paths.length, failures };
}

/** Sweeps until each sandbox that lives is owned by an active context, and each of those has one. */
export async function settle(stack: Stack, sql: postgres.Sql): Promise<string[]> {
  let difference = "";
  try {
    await eventually("sandboxes alive and owned are the same", async () => {
      await sweepNow(stack, sql);
      const rows = await sql<{ sandbox_id: string | null }[]>`
        select sandbox_id from copilot_internal.execution_contexts where terminated_at is null`;
      const owned = rows.map((row) => row.sandbox_id).sort();
      const living = alive(stack).map((sandbox) => sandbox.sandboxId).sort();
      difference = `owned ${owned.length}, alive ${living.length}`;
      return owned.join() === living.join();
    }, { everyMilliseconds: 300 });
    return [];
  } catch (error) {
    return [`${error instanceof Error ? error.message : error}: ${difference}`];
  }
}

/**
 * Lines of the functions' log that are none of its own, such as the stack of an error that nobody handled, and those
 * that tell of what nobody foresaw. Lines that say the same are told once.
 */
export function strayLines(lines: readonly string[]): string[] {
  const stray = new Set<string>();
  for (const line of lines) {
    const text = /^\[the functions\] (.*)$/s.exec(line)?.[1];
    if (text === undefined || /^\{"level":.*\}$/.test(text) && !text.includes('"outcome":"internal"')) continue;
    stray.add(text.replaceAll(/"request_id":"[^"]*",|"\w+_ms":\d+,/g, "").slice(0, 400));
  }
  return [...stray].map((text) => `the log says ${text}`);
}
