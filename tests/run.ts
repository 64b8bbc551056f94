/** Runs `deno test`; or ends it, with all that it has started, when it is given up. */
import { lines } from "../local/child.ts";
import { REPOSITORY } from "../local/repository.ts";
import { descendants, ended } from "./support/processes.ts";

export interface Run {
  /** Files, folders and flags for `deno test`. */
  readonly args: readonly string[];
  /** Beside what is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly onLine: (line: string) => void;
  /** A test or a step of one has ended. */
  readonly onTestEnd: () => void;
  /** Has the tests named that run, and everything ended. */
  readonly giveUp: AbortSignal;
  /** How long what they have started may take to end after them, in milliseconds, before it is killed. */
  readonly graceMs?: number;
}

/** How long Deno may take to name the tests that run. */
const NAMES_WITHIN_MS = 30_000;

/** With its colours, a line of the reporter tells so of a test that has run, has failed or was left out. */
// deno-lint-ignore no-control-regex
const TEST_ENDED = /\.\.\. (?:\x1b\[[\d;]*m)*(?:ok|FAILED|ignored|INCOMPLETE)\b/;

/**
 * @returns the exit code of `deno test`
 * @throws {Error} when something that it has started outlives being killed
 */
export async function runTests({ args, env, onLine, onTestEnd, giveUp, graceMs = 10_000 }: Run): Promise<number> {
  const tests = new Deno.Command(Deno.execPath(), {
    // Types are what `deno task check` is for.
    args: ["test", "--allow-all", "--no-check", "--parallel", ...args],
    cwd: REPOSITORY,
    env: { ...env },
    stdout: "piped",
  }).spawn();
  const output = tests.stdout.getReader();
  const read = async () => {
    for await (const line of lines(streamOf(output))) {
      onLine(line);
      if (TEST_ENDED.test(line)) onTestEnd();
    }
  };
  const allRead = read();
  let given: Promise<void> | undefined;
  const end = () => given = endAll(tests, graceMs);
  if (giveUp.aborted) end();
  else giveUp.addEventListener("abort", end, { once: true });

  const { code } = await tests.status;
  giveUp.removeEventListener("abort", end);
  await given;
  // What a test has left behind may hold the pipe open.
  const timer = setTimeout(() => output.cancel(), 1_000);
  await allRead;
  clearTimeout(timer);
  return code;
}

async function endAll(tests: Deno.ChildProcess, graceMs: number): Promise<void> {
  // Later nobody knows any more who has started them.
  const started = descendants(tests.pid);
  signal(tests, "SIGINT");
  const timer = setTimeout(() => signal(tests, "SIGKILL"), NAMES_WITHIN_MS);
  await tests.status;
  clearTimeout(timer);
  await ended(started, graceMs);
}

function signal(process: Deno.ChildProcess, name: Deno.Signal): void {
  try {
    process.kill(name);
  } catch (error) {
    // It has ended meanwhile, as where Ctrl-C has reached it too.
    if (!(error instanceof Deno.errors.NotFound || error instanceof TypeError)) throw error;
  }
}

/** The same, but its end does not depend on that of the pipe: that comes too when the reader is cancelled. */
function streamOf(
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    pull: async (controller) => {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  });
}
