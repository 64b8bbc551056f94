/**
 * `deno task test [files or folders] [flags of deno test]`: runs the tests, several files at the same time, on one
 * Postgres; then says which were skipped, and what installs what they lack. Exit code 0 only if none failed.
 */
import { prepareSnapshot } from "../local/e2b/server.ts";
import { requirePlatform } from "../local/platform.ts";
import { REPOSITORY } from "../local/repository.ts";
import { skipped } from "./report.ts";
import { startCluster } from "./support/database.ts";

/** How many files run at the same time for each core: tests wait more than they compute. */
const FILES_PER_CORE = 2;
/** More would need more connections than the cluster has. */
const MOST_FILES = 16;

await requirePlatform();
await using parts = new AsyncDisposableStack();
const report = parts.adopt(await Deno.makeTempFile({ suffix: ".xml" }), (file) => Deno.remove(file));
console.log("Preparing a Postgres and a Python for all tests. Then they begin, several files at the same time.");
const cluster = parts.adopt(await startCluster(), ({ stop }) => stop());
await prepareSnapshot(console.log);
const files = Math.min(FILES_PER_CORE * navigator.hardwareConcurrency, MOST_FILES);
const { code } = await new Deno.Command(Deno.execPath(), {
  // Types are what `deno task check` is for.
  args: ["test", "--allow-all", "--no-check", "--parallel", `--junit-path=${report}`, ...Deno.args],
  cwd: REPOSITORY,
  env: { DENO_JOBS: Deno.env.get("DENO_JOBS") ?? String(files), ...cluster.environment },
}).spawn().status;
Deno.exitCode = code;
console.log(skipped(await Deno.readTextFile(report)));
