import { fileURLToPath } from "node:url";
import { handleApi } from "./control/api.ts";
import { handleDataPlane, handleFileUrl, isFileUrl } from "./data_plane.ts";
import { HttpError } from "./http.ts";
import { serve } from "../serve.ts";
import type { KernelName } from "./choose_kernel.ts";
import { findNativeKernels } from "./native/find.ts";
import { NativeMachines } from "./native/native_machines.ts";
import { LIMITS } from "./native/walls.ts";
import { MEMORY_LIMIT_BYTES } from "./pyodide/memory_watch.ts";
import { packagesDirectory, PYODIDE_LOCK } from "./pyodide/package_cache.ts";
import { type PackageSource, PyodideMachines } from "./pyodide/pyodide_machines.ts";
import { ShellProgram } from "./pyodide/shell/shell_program.ts";
import { SandboxRegistry } from "./sandbox/registry.ts";
import type { Language } from "./machine/language.ts";
import type { Machines } from "./machine/machine.ts";
import type { SandboxRecord } from "./sandbox/sandbox.ts";
import { Snapshot } from "./pyodide/snapshot.ts";
import { Snapshots } from "./sandbox/snapshots.ts";

export type { SandboxRecord } from "./sandbox/sandbox.ts";

/** E2B's own templates; they are all alike here. */
export const TEMPLATES: readonly string[] = ["base", "code-interpreter-v1"];

const SHUTDOWN_GRACE_MS = 1000;

export interface E2BOptions {
  /** 0, the default, takes any free port. */
  port?: number;
  /** Random unless given; SDKs want `e2b_` and hexadecimal digits. */
  apiKey?: string;
  /** What sandboxes can be made of; default `TEMPLATES`. */
  templates?: readonly string[];
  /** Keeps the Python snapshot and the shell's bundle; default `.local/cache` in the repository. */
  cacheDir?: string;
  /** What Pyodide's kernels may import besides the standard library; default what `deno task packages` has fetched. */
  packages?: PackageSource;
  /** How much memory a kernel may use; default 1 GiB. */
  memoryLimitBytes?: number;
  /** What runs Python; default Pyodide, which runs everywhere. */
  kernel?: KernelName;
  /** How many Pythons wait for the next sandboxes; default 0. */
  spares?: number;
  /** What sandboxes run on, in the place of either. */
  machines?: Machines;
  onProgress?: (message: string) => void;
}

export interface E2BServer {
  /** Both the control plane and the data plane. */
  readonly url: string;
  readonly apiKey: string;
  /** Those that its sandboxes have kernels for. */
  readonly languages: readonly Language[];
  /** Every sandbox ever created here, oldest first. */
  readonly sandboxes: () => readonly SandboxRecord[];
  /** Ends every sandbox and process and frees the port. May be called twice. */
  readonly stop: () => Promise<void>;
}

/**
 * Starts an E2B-compatible server on the loopback interface. Its sandboxes run
 * Python in processes of their own that have no permission on this machine.
 */
export async function startE2B(options: E2BOptions = {}): Promise<E2BServer> {
  const apiKey = options.apiKey ??
    `e2b_${crypto.getRandomValues(new Uint8Array(20)).toHex()}`;
  const stopping = new AbortController();
  const cacheDir = options.cacheDir ?? defaultCacheDir();
  const onProgress = options.onProgress ?? (() => {});
  const snapshot = new Snapshot(cacheDir, onProgress, stopping.signal);
  const shellProgram = new ShellProgram(cacheDir, onProgress, stopping.signal);
  const packages = options.packages ?? { directory: packagesDirectory(defaultCacheDir()), lock: PYODIDE_LOCK };
  const memoryLimitBytes = options.memoryLimitBytes ?? MEMORY_LIMIT_BYTES;
  const pyodide = new PyodideMachines({
    snapshot,
    shellProgram,
    packages,
    memoryLimitBytes,
    // Those of the native kernel are of another kind.
    spares: options.kernel === "native" ? 0 : options.spares,
  });
  const machines = options.machines ??
    (options.kernel === "native" ? await nativeMachines(pyodide, memoryLimitBytes, options.spares ?? 0) : pyodide);
  const sandboxes = new SandboxRegistry(machines);
  const plane = { sandboxes, snapshots: new Snapshots(), apiKey, templates: options.templates ?? TEMPLATES };

  const server = await serve({
    port: options.port,
    onError: (error) => (error instanceof HttpError ? error : new HttpError(500, String(error))).toResponse(),
  }, (request) => {
    const sandboxId = request.headers.get("e2b-sandbox-id");
    if (sandboxId !== null) return handleDataPlane(request, sandboxes, sandboxId);
    return isFileUrl(request) ? handleFileUrl(request, sandboxes) : handleApi(request, plane);
  });

  const stop = async () => {
    stopping.abort();
    sandboxes.finishAll("shutdown");
    await Promise.all([
      server.stop(SHUTDOWN_GRACE_MS),
      snapshot.settled(),
      shellProgram.settled(),
      machines.allEnded(),
    ]);
  };
  let stopped: Promise<void> | undefined;
  return {
    url: `http://127.0.0.1:${server.port}`,
    apiKey,
    languages: machines.languages,
    sandboxes: () => sandboxes.records(),
    stop: () => stopped ??= stop(),
  };
}

/** @throws {Error} when this system does not have them */
async function nativeMachines(beside: Machines, memory: number, spares: number): Promise<Machines> {
  const found = await findNativeKernels();
  if (found.outcome === "missing") throw new Error(`There is no native kernel here: ${found.reason}`);
  return new NativeMachines(found.languages, beside, {
    limits: { ...LIMITS, memory },
    spares,
  });
}

/** Builds the Python snapshot unless there is one, so that several servers that start at once find it. */
export async function prepareSnapshot(onProgress: (message: string) => void): Promise<void> {
  await new Snapshot(defaultCacheDir(), onProgress, new AbortController().signal).path();
}

function defaultCacheDir(): string {
  return fileURLToPath(new URL("../../.local/cache", import.meta.url));
}
