/** The cases that `deno task conformance` puts to any server, on each kernel of this machine. */
import { Sandbox } from "@e2b/code-interpreter";
import { type KernelName, KERNELS } from "../../local/e2b/choose_kernel.ts";
import { startE2B } from "../../local/e2b/server.ts";
import { needing } from "../support/needs.ts";
import { shared } from "../support/shared.ts";
import { type Case, type Feature, inSandbox } from "./conformance/case.ts";
import { CASES } from "./conformance/cases.ts";
import { connectionTo } from "./local_server.ts";

const MISSING: Readonly<Record<KernelName, readonly Feature[]>> = {
  pyodide: ["real programs", "bash kernel", "R kernel", "numpy", "charts"],
  native: [],
};
const CALLED: Readonly<Record<KernelName, string>> = { pyodide: "Pyodide", native: "the native kernel" };
const native = await needing("the native kernel");

/** Runs a case on a kernel: in the sandbox of all that can share one, as to start its kernels is what costs. */
function runner(kernel: KernelName): (each: Case) => Promise<void> {
  if (kernel === "native" && !native.met) return () => Promise.resolve();
  const used = shared(async (parts) => {
    const server = parts.adopt(await startE2B({ kernel }), ({ stop }) => stop());
    const connection = connectionTo(server);
    return { connection, sandbox: await Sandbox.create({ ...connection, timeoutMs: 3_600_000 }) };
  });
  return async (each) => {
    const { connection, sandbox } = used();
    if (each.isAlone) await inSandbox(each, connection, (given) => Sandbox.create(given));
    else await each.run(sandbox, connection);
  };
}

for (const kernel of KERNELS) {
  const run = runner(kernel);
  const test = kernel === "native" ? native.test : Deno.test;
  for (const each of CASES) {
    if (each.needs?.some((feature) => MISSING[kernel].includes(feature))) continue;
    test(`${each.name}, on ${CALLED[kernel]}`, () => run(each));
  }
}
