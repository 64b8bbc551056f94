/**
 * `deno task test [files or folders] [flags of deno test]`: runs the tests, several files at the same time, on one
 * Postgres; then, where it was asked for all of them, some once more with the functions run as the platform runs them;
 * then says which were skipped, and what installs what they lack. Exit code 0 only if none failed.
 */
import { prepareSnapshot } from "../local/e2b/server.ts";
import { requirePlatform } from "../local/platform.ts";
import { REPOSITORY } from "../local/repository.ts";
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

await requirePlatform();
await using parts = new AsyncDisposableStack();
console.log("Preparing a Postgres and a Python for all tests. Then they begin, several files at the same time.");
const cluster = parts.adopt(await startCluster(), ({ stop }) => stop());
await prepareSnapshot(console.log);
const files = Math.min(FILES_PER_CORE * navigator.hardwareConcurrency, MOST_FILES);
const reports: string[] = [];
await test(Deno.args, {});
if (Deno.args.length === 0) {
  console.log("Some once more, with the functions run as the platform runs them.");
  await test(AS_ON_THE_PLATFORM, { [RUNTIME_VARIABLE]: "edge" });
}
console.log(skipped(reports.join("\n")));

async function test(args: readonly string[], environment: Record<string, string>): Promise<void> {
  const report = await Deno.makeTempFile({ suffix: ".xml" });
  parts.defer(() => Deno.remove(report));
  const { code } = await new Deno.Command(Deno.execPath(), {
    // Types are what `deno task check` is for.
    args: ["test", "--allow-all", "--no-check", "--parallel", `--junit-path=${report}`, ...args],
    cwd: REPOSITORY,
    env: { DENO_JOBS: Deno.env.get("DENO_JOBS") ?? String(files), ...cluster.environment, ...environment },
  }).spawn().status;
  if (code !== 0) Deno.exitCode = code;
  reports.push(await Deno.readTextFile(report));
}
