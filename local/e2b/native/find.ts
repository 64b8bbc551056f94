/** What this system has of the native kernels. */

import { z } from "zod";
import type { NativeLanguage } from "./kernels.ts";
import { PYTHON, walled } from "./walls.ts";

/** Of Debian and its like; without the recommended packages they are 85 MB. */
const INSTALL = "sudo apt-get install -y --no-install-recommends bubblewrap python3-ipykernel python3-numpy " +
  "python3-pandas python3-matplotlib python3-seccomp";

/** R and its kernel. */
const INSTALL_R = "sudo apt-get install -y --no-install-recommends r-cran-irkernel";

export type NativeKernels =
  | {
    readonly outcome: "found";
    readonly languages: readonly NativeLanguage[];
    /** Of numpy, pandas and matplotlib, those that are there. */
    readonly packages: readonly string[];
    /** Whether system calls are filtered, see `python/agent/limits.py`. */
    readonly hasFilter: boolean;
    /** The command that installs what is missing, if anything is. */
    readonly install: string | null;
  }
  | { readonly outcome: "missing"; readonly reason: string; readonly install: string | null };

const PACKAGES = ["numpy", "pandas", "matplotlib"];
const MODULES = ["IPython", "matplotlib_inline", "jupyter_client", "seccomp", ...PACKAGES];
const LOOK = `
import importlib.util, json, os, shutil
print(json.dumps({
    "modules": [name for name in ${JSON.stringify(MODULES)} if importlib.util.find_spec(name)],
    "r": bool(shutil.which("R")) and os.path.isdir("/usr/lib/R/site-library/IRkernel"),
}))`;
const Seen = z.object({ modules: z.array(z.string()), r: z.boolean() });

let found: Promise<NativeKernels> | undefined;

/** Looks once: whoever chooses a kernel asks, and so does each server that is started with it. */
export function findNativeKernels(): Promise<NativeKernels> {
  return found ??= look();
}

/** From behind the walls, so that what is found is what a sandbox has. */
async function look(): Promise<NativeKernels> {
  if (Deno.build.os !== "linux") return { outcome: "missing", reason: "this is not Linux", install: null };
  const seen = await runWalled([PYTHON, "-c", LOOK]);
  if (typeof seen !== "string") return { outcome: "missing", reason: seen.failure, install: INSTALL };
  const { modules, r } = Seen.parse(JSON.parse(seen));
  if (!modules.includes("IPython") || !modules.includes("matplotlib_inline")) {
    return { outcome: "missing", reason: "IPython is not installed for /usr/bin/python3", install: INSTALL };
  }
  const hasR = r && modules.includes("jupyter_client");
  return {
    outcome: "found",
    languages: ["python", "bash", ...(hasR ? ["r" as const] : [])],
    hasFilter: modules.includes("seccomp"),
    packages: PACKAGES.filter((name) => modules.includes(name)),
    install: PACKAGES.every((name) => modules.includes(name)) && modules.includes("seccomp")
      ? (hasR ? null : INSTALL_R)
      : INSTALL,
  };
}

/** What it prints, or why there are no walls here. */
async function runWalled(command: string[]): Promise<string | { readonly failure: string }> {
  try {
    // Where it cannot be started Deno throws here, before there is a promise: `catch` of that would not see it.
    const { code, stdout, stderr } = await walled(command, "null").output();
    const text = new TextDecoder();
    if (code === 0) return text.decode(stdout);
    return { failure: text.decode(stderr).trimEnd().split("\n").at(-1) || "bubblewrap failed" };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { failure: "bubblewrap is not installed" };
    // E.g. a root that may not become another account.
    return { failure: `bubblewrap does not start: ${error instanceof Error ? error.message : error}` };
  }
}
