import type { Language } from "../machine/language.ts";
import type { Role } from "./sources.ts";

/** The languages whose interpreters this system may have. */
export type NativeLanguage = "python" | "bash" | "r";

interface NativeKernel {
  readonly role: Exclude<Role, "agent">;
  readonly args: readonly string[];
  /** What it says on stderr of itself, and not for whoever waits for a cell. */
  readonly noise?: RegExp;
}

/** An interactive bash, which has no terminal here, says it when a child of it ends by a signal. */
const NO_TERMINAL = /^bash: \[\d+: \d+ \(\d+\)\] tcsetattr: .*\n/gm;

/** R's kernel speaks Jupyter's protocol only: https://jupyter-client.readthedocs.io/en/stable/kernels.html */
const R_SPEC = {
  argv: ["R", "--slave", "-e", "IRkernel::main()", "--args", "{connection_file}"],
  display_name: "R",
  language: "R",
  interrupt_mode: "signal",
};

/** What runs a language, behind the walls. */
export const KERNELS: Readonly<Record<NativeLanguage, NativeKernel>> = {
  python: { role: "python", args: [] },
  bash: { role: "bash", args: [], noise: NO_TERMINAL },
  r: { role: "jupyter", args: [JSON.stringify(R_SPEC)] },
};

export function isNative(language: Language): language is NativeLanguage {
  return Object.hasOwn(KERNELS, language);
}
