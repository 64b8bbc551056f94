/** A kernel for tests that leave it as they found it. To start one is what costs, so a file's tests share it. */
import type { SupabaseClient } from "@supabase/supabase-js";
import type { ExecuteResponse } from "../../supabase/functions/_shared/contract/execute_code.ts";
import type postgres from "postgres";
import type { Stack } from "../../local/stack.ts";
import { invoke, newPath, user } from "./clients.ts";
import { endsNoted } from "./settle.ts";

export interface Notebook {
  readonly client: SupabaseClient;
  readonly path: ReturnType<typeof newPath>;
  /** Runs code on the path, by a request with `more` in it, and waits until its end is noted. */
  run(code: string, more?: Record<string, unknown>): Promise<ExecuteResponse["execution"]>;
}

/**
 * Opens the path of a file's tests, the same each time, and has its kernel started. A test that asks for it gives its
 * variables and files names of their own, and neither ends nor restarts anything.
 */
export function useNotebook(local: Local): () => Promise<Notebook> {
  let opened: Promise<Notebook> | undefined;
  return () => opened ??= open(local);
}

interface Local {
  readonly stack: Stack;
  readonly sql: postgres.Sql;
}

async function open({ stack, sql }: Local): Promise<Notebook> {
  const client = await user(stack);
  const path = newPath();
  const run = async (code: string, more?: Record<string, unknown>) => {
    const { execution, execution_id } = await invoke(client, "execute-code", { ...path, code, ...more });
    await endsNoted(sql, { ...path, execution_id });
    return execution;
  };
  await run("1");
  return { client, path, run };
}
