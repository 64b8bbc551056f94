/** In what the functions run: in processes of the stack's own Deno, or in workers like the platform's. */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { REPOSITORY } from "../repository.ts";
import { PLATFORM_LIMITS, type WorkerLimits } from "./edge/limits.ts";
import { findPlatformDeno, lockForPlatformDeno } from "./edge/platform_deno.ts";
import type { FunctionGroup } from "./project.ts";

export const RUNTIMES = ["deno", "edge"] as const;
export type RuntimeName = typeof RUNTIMES[number];

export interface Runtime {
  /** Of a process that serves a group, prints `{"port":n}`, and ends when its standard input closes. */
  readonly commandOf: (group: FunctionGroup) => readonly [string, ...string[]];
  readonly stop: () => Promise<void>;
}

/** One process, which lives for as long as the stack does. */
export async function denoRuntime(groups: readonly FunctionGroup[]): Promise<Runtime> {
  const isNeeded = groups.some(({ importMap }) => importMap !== undefined);
  const lockFile = isNeeded ? await copyLock((lock) => lock) : undefined;
  return {
    commandOf: (group) => [
      Deno.execPath(),
      "run",
      // The memory that the platform grants is 256 MB in all: with a machine's, V8 would let garbage lie that must be
      // gone there.
      "--v8-flags=--max-old-space-size=192",
      ...permissions(group.readable),
      ...configuration(group, lockFile),
      module("process.ts"),
      JSON.stringify(group.functions),
    ],
    stop: async () => {
      if (lockFile !== undefined) await Deno.remove(lockFile);
    },
  };
}

/**
 * A main worker, and as many workers of each function as have not ended yet, on the platform's Deno.
 * @throws {Error} when npm has no such Deno for this machine, or it cannot be fetched
 */
export async function edgeRuntime(limits: Partial<WorkerLimits>): Promise<Runtime> {
  const granted = { ...PLATFORM_LIMITS, ...limits };
  const { binary, environment } = await findPlatformDeno();
  const lockFile = await copyLock(lockForPlatformDeno);
  const evaluation = module("edge/evaluation.ts");
  return {
    commandOf: (group) => [
      Deno.execPath(),
      "run",
      "--quiet",
      "--allow-all",
      module("edge/main_worker.ts"),
      JSON.stringify({
        functions: group.functions,
        limits: granted,
        environment,
        command: [
          binary,
          "run",
          `--v8-flags=--max-old-space-size=${granted.memoryMebibytes}`,
          ...permissions(group.readable, evaluation),
          "--allow-sys=hostname",
          ...configuration(group, lockFile),
          ...(group.importMap === undefined ? [`--lock=${lockFile}`] : []),
          module("edge/worker_process.ts"),
        ],
      }),
    ],
    stop: () => Deno.remove(lockFile),
  };
}

/** What the platform allows, as far as permissions can say it. Importing a file by a computed name is a read. */
function permissions(...readable: string[]): string[] {
  // A comma parts two paths.
  const paths = readable.map((path) => path.replaceAll(",", ",,"));
  return ["--quiet", "--no-prompt", "--allow-net", "--allow-env", `--allow-read=${paths.join()}`];
}

function configuration({ importMap }: FunctionGroup, lockFile: string | undefined): string[] {
  return importMap === undefined ? [] : ["--no-config", `--lock=${lockFile}`, `--import-map=${importMap}`];
}

/** This repository's tells which packages are in the cache already; Deno writes into it what another project adds. */
async function copyLock(convert: (lock: string) => string): Promise<string> {
  const file = await Deno.makeTempFile({ suffix: ".lock" });
  await Deno.writeTextFile(file, convert(await Deno.readTextFile(join(REPOSITORY, "deno.lock"))));
  return file;
}

function module(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}
