import { Sandbox } from "@e2b/code-interpreter";
import type { KernelName } from "../../../local/e2b/choose_kernel.ts";
import { startE2B } from "../../../local/e2b/server.ts";
import { childrenBytes } from "./memory.ts";

/** Times in milliseconds, memory in bytes, each of one round. */
export type Round = Readonly<Record<typeof FIGURES[number]["name"], number>>;

export const FIGURES = [
  { name: "create", unit: "ms", says: "a sandbox is made" },
  { name: "first", unit: "ms", says: "its first run, without a spare" },
  { name: "second", unit: "ms", says: "its second run" },
  { name: "numpy", unit: "ms", says: "numpy, pandas and matplotlib are imported" },
  { name: "spare", unit: "ms", says: "the first run of a sandbox, with a spare" },
  { name: "afterSpare", unit: "ms", says: "its second run" },
  { name: "three", unit: "ms", says: "first runs of three sandboxes at once" },
  { name: "idle", unit: "MiB", says: "a sandbox in which nothing has run" },
  { name: "kernel", unit: "MiB", says: "a sandbox with a kernel" },
  { name: "paused", unit: "MiB", says: "the same after that import, paused" },
] as const;

/** Runs code in one sandbox after another. `NaN` is what a kernel cannot do. */
export async function measureRound(kernel: KernelName): Promise<Round> {
  await using parts = new AsyncDisposableStack();
  const start = async (spares: number) => {
    const server = parts.adopt(await startE2B({ kernel, spares }), ({ stop }) => stop());
    return { apiKey: server.apiKey, apiUrl: server.url, sandboxUrl: server.url };
  };
  const plain = await start(0);
  const empty = childrenBytes();
  const [sandbox, create] = await timed(() => Sandbox.create(plain));
  const idle = childrenBytes() - empty;
  const [, first] = await timed(() => sandbox.runCode("1 + 1"));
  const [, second] = await timed(() => sandbox.runCode("1 + 1"));
  const held = childrenBytes() - empty;
  const [{ error }, numpy] = await timed(() => sandbox.runCode("import numpy, pandas, matplotlib.pyplot"));
  await sandbox.pause();
  const paused = childrenBytes() - empty;
  await sandbox.kill();
  const trio = await Promise.all([1, 2, 3].map(() => Sandbox.create(plain)));
  const [, three] = await timed(() => Promise.all(trio.map((each) => each.runCode("1 + 1"))));

  const warm = await start(1);
  const warmed = await Sandbox.create(warm);
  await spareIsThere(empty + held);
  const [, spare] = await timed(() => warmed.runCode("1 + 1"));
  const [, afterSpare] = await timed(() => warmed.runCode("1 + 1"));
  return {
    create,
    first,
    second,
    numpy: error === undefined ? numpy : NaN,
    spare,
    afterSpare,
    three,
    idle,
    kernel: held,
    paused,
  };
}

/** It is there when it has the memory of one, and asks for no more. */
async function spareIsThere(least: number): Promise<void> {
  for (let [before, now] = [0, childrenBytes()]; now < 0.8 * least || now !== before;) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    [before, now] = [now, childrenBytes()];
  }
}

async function timed<T>(what: () => Promise<T>): Promise<[T, number]> {
  const started = performance.now();
  return [await what(), performance.now() - started];
}
