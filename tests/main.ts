/**
 * `deno task test [--runtime edge] [--give-up-after 300] [files or folders] [flags of deno test]`: runs the tests, several
 * files at the same time, on one Postgres; with `--runtime edge` the functions run as on the platform, and without files
 * those tests are meant for which that makes a difference. Then it says which were skipped, and what installs what they
 * lack. When no test has ended for so many seconds, it names those that run, and ends everything. Exit code 0 only if none
 * failed.
 */
import { findNativeKernels } from "../local/e2b/native/find.ts";
import { prepareSnapshot } from "../local/e2b/server.ts";
import { requirePlatform } from "../local/platform.ts";
import { BadArgument, type Command, readCommand } from "./command.ts";
import { startPatience } from "./patience.ts";
import { skipped } from "./report.ts";
import { runTests } from "./run.ts";
import { startCluster } from "./support/database.ts";
import { KERNEL_VARIABLE, RUNTIME_VARIABLE } from "./support/stack.ts";

/** How many files run at the same time for each core: tests wait more than they compute. */
const FILES_PER_CORE = 3;
/** More would need more connections than the cluster has. */
const MOST_FILES = 16;

/** Begun first, so that none of them is what all wait for at the end. */
const LONGEST = [
  "tests/guarantee/branch_steps.test.ts",
  "tests/model/model.test.ts",
  "tests/install/database.test.ts",
  "tests/contexts/branch.test.ts",
  "tests/e2b/fork.test.ts",
  "tests/executions/time_limit.test.ts",
  "tests/guarantee/faults_of_execution.test.ts",
  "tests/guarantee/crash_of_once.test.ts",
  "tests/guarantee/faults.test.ts",
  "tests/stack/edge.test.ts",
  "tests/guarantee/kernel_restart_steps.test.ts",
  "tests/e2b/conformance.test.ts",
  "tests/stack/keep.test.ts",
  "tests/executions/closed_kernel.test.ts",
];

/** What callers are promised, at the points where the platform's runtime could make a difference. */
const AS_ON_THE_PLATFORM = [
  "tests/contexts/acquire.test.ts",
  "tests/contexts/branch.test.ts",
  "tests/contexts/sleep.test.ts",
  "tests/contexts/terminate.test.ts",
  "tests/executions/cancel.test.ts",
  "tests/executions/env_vars.test.ts",
  "tests/executions/execute.test.ts",
  "tests/executions/files.test.ts",
  "tests/executions/once.test.ts",
  "tests/executions/state.test.ts",
  "tests/executions/stop.test.ts",
  "tests/executions/streaming.test.ts",
  "tests/guarantee/crash.test.ts",
  "tests/guarantee/crash_of_once.test.ts",
  "tests/http/accept.test.ts",
  "tests/http/bad_input.test.ts",
  "tests/http/body.test.ts",
  "tests/http/callers.test.ts",
  "tests/mcp",
];

function readArguments(): Command {
  try {
    return readCommand(Deno.args);
  } catch (error) {
    if (!(error instanceof BadArgument)) throw error;
    console.error(error.message);
    Deno.exit(2);
  }
}

const { runtime, giveUpAfterSeconds, rest, namesFiles } = readArguments();
const files = namesFiles ? [] : runtime === "edge" ? AS_ON_THE_PLATFORM : [...LONGEST, "tests"];

await requirePlatform();
await using parts = new AsyncDisposableStack();
const report = parts.adopt(await Deno.makeTempFile({ suffix: ".xml" }), (file) => Deno.remove(file));
console.log("Preparing a Postgres and a Python for all tests. Then they begin, several files at the same time.");
const cluster = parts.adopt(await startCluster(), ({ stop }) => stop());
await prepareSnapshot(console.log);
const jobs = Math.min(FILES_PER_CORE * navigator.hardwareConcurrency, MOST_FILES);
const patience = parts.use(startPatience(giveUpAfterSeconds, `no test has ended for ${giveUpAfterSeconds} s`));
const interrupted = new AbortController();
// Without a listener it would end at once, and what it has started would not.
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => interrupted.abort(`it was ended by ${signal}`));
}
const giveUp = AbortSignal.any([patience.end, interrupted.signal]);
giveUp.addEventListener("abort", () => console.log(`\nGiven up: ${giveUp.reason}.`));
const code = await runTests({
  args: [`--junit-path=${report}`, ...files, ...rest],
  env: {
    DENO_JOBS: Deno.env.get("DENO_JOBS") ?? String(jobs),
    ...cluster.environment,
    [RUNTIME_VARIABLE]: runtime,
    [KERNEL_VARIABLE]: (await findNativeKernels()).outcome === "found" ? "native" : "pyodide",
  },
  onLine: (line) => console.log(line),
  onTestEnd: patience.renew,
  giveUp,
});
Deno.exitCode = giveUp.aborted ? 1 : code;
// Of one that is given up it tells steps that were never begun.
if (!giveUp.aborted) console.log(skipped(await Deno.readTextFile(report)));
