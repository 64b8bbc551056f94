/** Tests that hold on every kernel that this machine has. */
import { Sandbox } from "@e2b/code-interpreter";
import { type KernelName, KERNELS } from "../../local/e2b/choose_kernel.ts";
import { type E2BOptions, type E2BServer, startE2B } from "../../local/e2b/server.ts";
import { needing } from "../support/needs.ts";
import { shared } from "../support/shared.ts";
import { type Connection, connectionTo, e2bTest, LIFE_MS } from "./local_server.ts";

const native = await needing("the native kernel");

/** What a test uses of the server, and of the sandbox where that is the file's. */
export interface OnKernel {
  readonly kernel: KernelName;
  readonly connection: Connection;
  readonly server: E2BServer;
}
export interface InSandbox extends OnKernel {
  readonly sandbox: Sandbox;
}

/** What only one kernel can hold to, and why. */
interface Only {
  readonly only: KernelName;
  readonly because: string;
}

/** As `e2bTest`, on each kernel. */
export function kernelTest(
  name: string,
  run: (on: OnKernel) => Promise<void>,
  { only, ...options }: E2BOptions & Partial<Only> = {},
): void {
  for (const kernel of only === undefined ? KERNELS : [only]) {
    if (kernel === "native" && !native.met) native.test(named(name, kernel), () => {});
    else {
      e2bTest(named(name, kernel), (connection, server) => run({ kernel, connection, server }), { ...options, kernel });
    }
  }
}

/** As `useSandbox`, with a sandbox on each kernel; what it returns defines the tests that use them. */
export function useSandboxes(
  kernels: readonly KernelName[] = KERNELS,
): (name: string, run: (used: InSandbox) => Promise<void>, only?: Only) => void {
  const used = new Map<KernelName, () => InSandbox>();
  for (const kernel of kernels) {
    if (kernel === "native" && !native.met) continue;
    used.set(
      kernel,
      shared(async (parts) => {
        const server = parts.adopt(await startE2B({ kernel }), ({ stop }) => stop());
        const connection = connectionTo(server);
        return { kernel, server, connection, sandbox: await Sandbox.create({ ...connection, timeoutMs: LIFE_MS }) };
      }),
    );
  }
  return (name, run, only) => {
    for (const kernel of only === undefined ? kernels : [only.only]) {
      const sandbox = used.get(kernel);
      const test = kernel === "native" ? native.test : Deno.test;
      test(named(name, kernel), async () => {
        if (sandbox !== undefined) await run(sandbox());
      });
    }
  };
}

function named(name: string, kernel: KernelName): string {
  return kernel === "native" ? `${name} (native)` : name;
}
