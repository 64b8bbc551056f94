/** A stack for tests, on a database that is copied and not made anew. */
import type postgres from "postgres";
import { z } from "zod";
import { type KernelName, KERNELS } from "../../local/e2b/choose_kernel.ts";
import { type RuntimeName, RUNTIMES } from "../../local/functions/runtime.ts";
import { type Stack, type StackOptions, startStack as startLocalStack } from "../../local/stack.ts";
import { connection, startDatabase } from "./database.ts";
import { connect } from "./rows.ts";
import { shared } from "./shared.ts";

/** The environment variable by which `deno task test` tells its files in what functions run that do not say it. */
export const RUNTIME_VARIABLE = "TEST_RUNTIME";

/** The environment variable by which it tells them what runs Python where they do not say it. */
export const KERNEL_VARIABLE = "TEST_KERNEL";

/**
 * What runs Python where a test does not say it: the native kernel where it is, as `deno task start` has it, which takes
 * half of Pyodide's computing.
 */
export function testedKernel(): KernelName {
  return z.enum(KERNELS).default("pyodide").parse(Deno.env.get(KERNEL_VARIABLE));
}

/** In what the functions of a file's tests run, where they do not say it. */
export function testedRuntime(): RuntimeName {
  return z.enum(RUNTIMES).default("deno").parse(Deno.env.get(RUNTIME_VARIABLE));
}

export async function startStack(options: StackOptions = {}): Promise<Stack> {
  await using parts = new AsyncDisposableStack();
  const database = parts.use(await startDatabase({ isEmpty: options.migrationsDirectory !== undefined }));
  const stack = parts.use(
    await startLocalStack({
      runtime: testedRuntime(),
      kernel: testedKernel(),
      ...options,
      databaseUrl: database.url,
      authenticatorPassword: database.authenticatorPassword,
    }),
  );
  // From here on they are the caller's to stop.
  const kept = parts.move();
  let stopped: Promise<void> | undefined;
  const stop = () => stopped ??= kept.disposeAsync();
  return { ...stack, stop, [Symbol.asyncDispose]: stop };
}

/** The stack of a file's tests, and a superuser's connection to its database. */
export function useStack(options: StackOptions = {}): { readonly stack: Stack; readonly sql: postgres.Sql } {
  const made = shared(async (parts) => {
    const stack = parts.use(await startStack(options));
    return { stack, sql: connection(parts, connect(stack)) };
  });
  return {
    get stack() {
      return made().stack;
    },
    get sql() {
      return made().sql;
    },
  };
}
