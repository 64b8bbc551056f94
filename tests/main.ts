/**
 * `deno task test [--runtime edge] [files or folders] [flags of deno test]`: runs the tests, several files at the same
 * time, on one Postgres; with `--runtime edge` the functions run as on the platform, and without files those tests are
 * meant for which that makes a difference. Then it says which were skipped, and what installs what they lack. Exit code 0
 * only if none failed.
 */
import { prepareSnapshot } from "../local/e2b/server.ts";
import { requirePlatform } from "../local/platform.ts";
import { REPOSITORY } from "../local/repository.ts";
import { type Command, readCommand, UnknownRuntime } from "./command.ts";
import { skipped } from "./report.ts";
import { startCluster } from "./support/database.ts";
import { RUNTIME_VARIABLE } from "./support/stack.ts";

/** How many files run at the same time for each core: tests wait more than they compute. */
const FILES_PER_CORE = 2;
/** More would need more connections than the cluster has. */
const MOST_FILES = 16;

/** What callers are promised, at the points where the platform's runtime could make a difference. */
const AS_ON_THE_PLATFORM = [
  "tests/contexts/acquire.test.ts",
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
];

function readArguments(): Command {
  try {
    return readCommand(Deno.args);
  } catch (error) {
    if (!(error instanceof UnknownRuntime)) throw error;
    console.error(error.message);
    Deno.exit(2);
  }
}

const { runtime, rest, namesFiles } = readArguments();
const args = runtime === "edge" && !namesFiles ? [...AS_ON_THE_PLATFORM, ...rest] : rest;

await requirePlatform();
await using parts = new AsyncDisposableStack();
const report = parts.adopt(await Deno.makeTempFile({ suffix: ".xml" }), (file) => Deno.remove(file));
console.log("Preparing a Postgres and a Python for all tests. Then they begin, several files at the same time.");
const cluster = parts.adopt(await startCluster(), ({ stop }) => stop());
await prepareSnapshot(console.log);
const files = Math.min(FILES_PER_CORE * navigator.hardwareConcurrency, MOST_FILES);
const { code } = await new Deno.Command(Deno.execPath(), {
  // Types are what `deno task check` is for.
  args: ["test", "--allow-all", "--no-check", "--parallel", `--junit-path=${report}`, ...args],
  cwd: REPOSITORY,
  env: {
    DENO_JOBS: Deno.env.get("DENO_JOBS") ?? String(files),
    ...cluster.environment,
    [RUNTIME_VARIABLE]: runtime,
  },
}).spawn().status;
Deno.exitCode = code;
console.log(skipped(await Deno.readTextFile(report)));
