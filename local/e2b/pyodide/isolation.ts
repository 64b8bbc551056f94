import { fileURLToPath } from "node:url";
import { version } from "pyodide";

/** The version of the Pyodide that kernels run. */
export const PYODIDE_VERSION = version;

/** Where the files of the `pyodide` package are, with a final slash. */
export const PYODIDE_URL = new URL("./", import.meta.resolve("pyodide"));

/** Where the scripts that run inside kernel processes are. */
export const KERNEL_URL = new URL("./kernel/", import.meta.url);

/**
 * A Deno process that can do nothing but compute, read the named files and
 * talk over its three standard streams.
 *
 * Python in Pyodide can reach JavaScript, so these flags are the whole wall
 * between a cell and this machine. Each one closes a hole that was seen open:
 * permissions alone still allow imports from a list of default hosts, questions
 * to the npm registry, and storage that all sandboxes share.
 */
export function isolatedCommand(
  script: string,
  args: readonly string[],
  { readable = [], inspector = false, standalone = false }: {
    readable?: readonly string[];
    inspector?: boolean;
    /** The script is all that the process needs: it may read no file, not even at its start. */
    standalone?: boolean;
  } = {},
): Deno.Command {
  const files = standalone ? [] : [fileURLToPath(PYODIDE_URL), fileURLToPath(KERNEL_URL), ...readable];
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--no-config",
      "--no-lock",
      "--no-remote",
      "--no-npm",
      "--cached-only",
      "--deny-import",
      `--location=http://${crypto.randomUUID()}.invalid/`,
      // Does not bound WebAssembly memory; the watchdog does.
      "--v8-flags=--max-old-space-size=512",
      ...(files.length === 0 ? [] : [`--allow-read=${files.join(",")}`]),
      // For V8's inspector, until it is open; also given up before the first cell.
      ...(inspector ? ["--allow-sys"] : []),
      fileURLToPath(new URL(script, KERNEL_URL)),
      ...args,
    ],
    cwd: "/",
    clearEnv: true,
    env: {
      // A folder inside a file can never exist. With a usable one the `caches`
      // API writes to the disk without asking for permission.
      DENO_DIR: `${fileURLToPath(new URL("main.mjs", KERNEL_URL))}/none`,
      DENO_NO_UPDATE_CHECK: "1",
      NO_COLOR: "1",
      // WebGPU asks for no permission, and would hand a cell this machine's graphics drivers.
      DENO_WEBGPU_BACKEND: "none",
    },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
}
