/** What `deno task test` is asked for. */

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { type RuntimeName, RUNTIMES } from "../local/functions/runtime.ts";
import { REPOSITORY } from "../local/repository.ts";

export interface Command {
  /** In what the functions of the tests run. */
  readonly runtime: RuntimeName;
  /** For `deno test`: files, folders and flags, as they came. */
  readonly rest: readonly string[];
  /** Whether `rest` names a file or a folder. */
  readonly namesFiles: boolean;
}

/**
 * `--runtime NAME` or `--runtime=NAME`, wherever it stands; all else is the business of `deno test`.
 * @throws {UnknownRuntime}
 */
export function readCommand(args: readonly string[]): Command {
  let runtime: RuntimeName = "deno";
  const rest: string[] = [];
  const coming = args.values();
  for (const arg of coming) {
    if (arg === "--runtime") runtime = readRuntime(coming.next().value);
    else if (arg.startsWith("--runtime=")) runtime = readRuntime(arg.slice("--runtime=".length));
    else rest.push(arg);
  }
  return { runtime, rest, namesFiles: rest.some(namesFile) };
}

export class UnknownRuntime extends Error {
  override readonly name = "UnknownRuntime";
}

function readRuntime(name: string | undefined): RuntimeName {
  const known = RUNTIMES.find((one) => one === name);
  if (known !== undefined) return known;
  throw new UnknownRuntime(`--runtime is ${RUNTIMES.join(" or ")}, not ${name ?? "empty"}`);
}

/** A flag's value is none, unless there is a file of that name. */
function namesFile(arg: string): boolean {
  return !arg.startsWith("-") && (arg.endsWith(".test.ts") || existsSync(resolve(REPOSITORY, arg)));
}
