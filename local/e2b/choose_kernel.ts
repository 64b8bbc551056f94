import { findNativeKernels } from "./native/find.ts";

/** What Python can run as: WebAssembly, or this system's own behind bubblewrap's walls. */
export const KERNELS = ["pyodide", "native"] as const;
export type KernelName = (typeof KERNELS)[number];

/**
 * The better kernel of those that are here, unless one is asked for.
 * @param say hears what was found, and the command that installs what would be better
 * @throws {Error} when the native kernel is asked for and this system does not have it
 */
export async function chooseKernel(asked: KernelName | undefined, say: (message: string) => void): Promise<KernelName> {
  if (asked === "pyodide") return asked;
  const found = await findNativeKernels();
  const hint = found.install === null ? "" : `: ${found.install}`;
  if (found.outcome === "missing") {
    if (asked === "native") throw new Error(`--kernel native: ${found.reason}${hint}`);
    say(`Python is Pyodide, as ${found.reason}`);
    say(found.install === null ? PACKAGES_OF_PYODIDE : `for numpy, pandas, matplotlib, bash and commands${hint}`);
    return "pyodide";
  }
  const packages = found.packages.length === 0 ? "" : ` (${found.packages.join(", ")})`;
  const languages = [`Python${packages}`, "bash", ...(found.languages.includes("r") ? ["R"] : [])];
  const filter = found.hasFilter ? "" : ", without a filter of system calls";
  say(`${new Intl.ListFormat("en").format(languages)} are this system's own, behind bubblewrap's walls${filter}`);
  if (found.install !== null) say(`for more of them${hint}`);
  return "native";
}

const PACKAGES_OF_PYODIDE = "for numpy, pandas and matplotlib: deno task packages";
