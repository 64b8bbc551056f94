import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { fileURLToPath } from "node:url";
import { MEMORY_LIMIT_BYTES } from "../../local/e2b/pyodide/memory_watch.ts";
import { PYODIDE_LOCK } from "../../local/e2b/pyodide/package_cache.ts";
import { PyodideMachines } from "../../local/e2b/pyodide/pyodide_machines.ts";
import { SandboxRegistry } from "../../local/e2b/sandbox/registry.ts";
import type { SandboxEnd } from "../../local/e2b/sandbox/sandbox.ts";
import { ShellProgram } from "../../local/e2b/pyodide/shell/shell_program.ts";
import { Snapshot } from "../../local/e2b/pyodide/snapshot.ts";
import { CopyableMachines } from "./copyable_machine.ts";

const INIT = {
  templateId: "t",
  metadata: { owner: "me" },
  environment: {},
  isSecured: true,
  allowPublicTraffic: true,
  internetAccess: null,
  egress: { allow: [], deny: [] },
  lifecycle: { onTimeout: "kill", autoResume: false } as const,
  timeoutMs: 600_000,
};

/** Runs a cell in a sandbox, ends that in the middle of another, and keeps a weak hold of its files alone. */
async function useAndEnd(
  registry: SandboxRegistry,
  by: SandboxEnd["by"],
): Promise<WeakRef<object>> {
  const sandbox = registry.create(INIT);
  const { files } = sandbox.machine;
  await files.write("/home/user/heavy", new Uint8Array(1024), {});
  const { kernel } = sandbox.contexts.default("python");
  const { signal } = new AbortController();
  await kernel.execute("open('more', 'w').write('a')", {}, () => Promise.resolve(), signal);
  const running = Promise.withResolvers<void>();
  const second = kernel.execute(
    "print('running')\nimport asyncio\nawait asyncio.Event().wait()",
    {},
    ({ type }) => {
      if (type === "stdout") running.resolve();
      return Promise.resolve();
    },
    signal,
  );
  await running.promise;
  sandbox.finish(by);
  await second;
  return new WeakRef(files);
}

Deno.test("of a sandbox that ended only its record is kept", async () => {
  setFlagsFromString("--expose-gc");
  const collectGarbage: () => void = runInNewContext("gc");
  const cacheDir = fileURLToPath(new URL("../../.local/cache", import.meta.url));
  const snapshot = new Snapshot(cacheDir, () => {}, new AbortController().signal);
  const machines = new PyodideMachines({
    snapshot,
    shellProgram: new ShellProgram(cacheDir, () => {}, new AbortController().signal),
    packages: { directory: cacheDir, lock: PYODIDE_LOCK },
    memoryLimitBytes: MEMORY_LIMIT_BYTES,
  });
  const registry = new SandboxRegistry(machines);
  const ends = ["kill", "timeout"] as const;
  const files: WeakRef<object>[] = [];
  for (const by of ends) files.push(await useAndEnd(registry, by));
  await machines.allEnded();
  // What is still on the stack of this turn is not collected.
  await new Promise((resolve) => setTimeout(resolve, 0));
  collectGarbage();

  assert.deepEqual(files.map((each) => each.deref()), [undefined, undefined]);
  assert.deepEqual(registry.living(), []);
  assert.deepEqual(registry.records().map(({ ended }) => ended?.by), ends);
  assert.deepEqual(registry.records().map(({ metadata }) => metadata.owner), ["me", "me"]);
});

Deno.test("what a request still makes when all has been ended is ended at once", () => {
  const registry = new SandboxRegistry(new CopyableMachines());
  registry.finishAll("shutdown");
  const { state } = registry.create(INIT);
  assert.deepEqual([state, registry.living(), registry.records()[0]?.ended?.by], ["ended", [], "shutdown"]);
});
