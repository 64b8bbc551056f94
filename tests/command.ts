/** What `deno task test` is asked for. */

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { type RuntimeName, RUNTIMES } from "../local/functions/runtime.ts";
import { REPOSITORY } from "../local/repository.ts";

export interface Command {
  /** In what the functions of the tests run. */
  readonly runtime: RuntimeName;
  /** How long no test may end. */
  readonly giveUpAfterSeconds: number;
  /** For `deno test`: files, folders and flags, as they came. */
  readonly rest: readonly string[];
  /** Whether `rest` names a file or a folder. */
  readonly namesFiles: boolean;
}

/** No test takes a tenth of it, on a machine that does nothing else. */
const GIVE_UP_AFTER_SECONDS = 300;
/** In milliseconds a timer's time has 31 bits. */
const LONGEST_TIMER_SECONDS = 2_147_483;

/**
 * `--runtime NAME` and `--give-up-after SECONDS`, or with `=`, wherever they stand; all else is the business of
 * `deno test`.
 * @throws {BadArgument}
 */
export function readCommand(args: readonly string[]): Command {
  let runtime: RuntimeName = "deno";
  let giveUpAfterSeconds = GIVE_UP_AFTER_SECONDS;
  const rest: string[] = [];
  const coming = args.values();
  for (const arg of coming) {
    const [, name, given] = /^(--runtime|--give-up-after)(?:=(.*))?$/s.exec(arg) ?? [];
    if (name === "--runtime") runtime = readRuntime(given ?? coming.next().value);
    else if (name === "--give-up-after") giveUpAfterSeconds = readSeconds(given ?? coming.next().value);
    else rest.push(arg);
  }
  return { runtime, giveUpAfterSeconds, rest, namesFiles: rest.some(namesFile) };
}

export class BadArgument extends Error {
  override readonly name = "BadArgument";
}

function readRuntime(name: string | undefined): RuntimeName {
  const known = RUNTIMES.find((one) => one === name);
  if (known !== undefined) return known;
  throw new BadArgument(`--runtime is ${RUNTIMES.join(" or ")}, not ${name ?? "empty"}`);
}

function readSeconds(text: string | undefined): number {
  const seconds = Number(text || NaN);
  if (seconds > 0 && seconds <= LONGEST_TIMER_SECONDS) return seconds;
  throw new BadArgument(
    `--give-up-after is a number of seconds, from above 0 to ${LONGEST_TIMER_SECONDS}, not ${text || "empty"}`,
  );
}

/** A flag's value is none, unless there is a file of that name. */
function namesFile(arg: string): boolean {
  return !arg.startsWith("-") && (arg.endsWith(".test.ts") || existsSync(resolve(REPOSITORY, arg)));
}
