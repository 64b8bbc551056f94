import { fileURLToPath } from "node:url";
import { handleApi } from "./control/api.ts";
import { handleDataPlane } from "./data_plane.ts";
import { HttpError } from "./http.ts";
import { serve } from "../serve.ts";
import { MEMORY_LIMIT_BYTES } from "./pyodide/memory_watch.ts";
import { packagesDirectory, PYODIDE_LOCK } from "./pyodide/package_cache.ts";
import { type PackageSource, PyodideMachines } from "./pyodide/pyodide_machines.ts";
import { SandboxRegistry } from "./sandbox/registry.ts";
import type { SandboxRecord } from "./sandbox/sandbox.ts";
import { Snapshot } from "./pyodide/snapshot.ts";

export type { SandboxRecord } from "./sandbox/sandbox.ts";

const SHUTDOWN_GRACE_MS = 1000;

export interface E2BOptions {
  /** 0, the default, takes any free port. */
  port?: number;
  /** Random unless given; SDKs want `e2b_` and hexadecimal digits. */
  apiKey?: string;
  /** Keeps the Python snapshot; default `.local/cache` in the repository. */
  cacheDir?: string;
  /** What Pyodide's kernels may import besides the standard library; default what `deno task packages` has fetched. */
  packages?: PackageSource;
  /** How much memory a kernel may use; default 1 GiB. */
  memoryLimitBytes?: number;
  onProgress?: (message: string) => void;
}

export interface E2BServer {
  /** Both the control plane and the data plane. */
  readonly url: string;
  readonly apiKey: string;
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
  const snapshot = new Snapshot(
    options.cacheDir ?? defaultCacheDir(),
    options.onProgress ?? (() => {}),
    stopping.signal,
  );
  const packages = options.packages ?? { directory: packagesDirectory(defaultCacheDir()), lock: PYODIDE_LOCK };
  const machines = new PyodideMachines(snapshot, options.memoryLimitBytes ?? MEMORY_LIMIT_BYTES, packages);
  const sandboxes = new SandboxRegistry(machines);

  const server = await serve({
    port: options.port,
    onError: (error) => (error instanceof HttpError ? error : new HttpError(500, String(error))).toResponse(),
  }, (request) => {
    const sandboxId = request.headers.get("e2b-sandbox-id");
    return sandboxId === null ? handleApi(request, sandboxes, apiKey) : handleDataPlane(request, sandboxes, sandboxId);
  });

  const stop = async () => {
    stopping.abort();
    sandboxes.finishAll("shutdown");
    await Promise.all([server.stop(SHUTDOWN_GRACE_MS), snapshot.settled(), machines.allEnded()]);
  };
  let stopped: Promise<void> | undefined;
  return {
    url: `http://127.0.0.1:${server.port}`,
    apiKey,
    sandboxes: () => sandboxes.records(),
    stop: () => stopped ??= stop(),
  };
}

/** Builds the Python snapshot unless there is one, so that several servers that start at once find it. */
export async function prepareSnapshot(onProgress: (message: string) => void): Promise<void> {
  await new Snapshot(defaultCacheDir(), onProgress, new AbortController().signal).path();
}

function defaultCacheDir(): string {
  return fileURLToPath(new URL("../../.local/cache", import.meta.url));
}
