/** The workers of one function: the one that takes requests, and those that have retired and still work. */

import { problem } from "../problem.ts";
import type { EdgeFunction } from "../project.ts";
import { bootWorker, OverCpuTime, type UserWorker, type WorkerOptions } from "./user_worker.ts";

export interface Pool {
  /** Passes a request to the worker that takes them; boots one where there is none. */
  readonly call: (request: Request) => Promise<Response>;
  /** Ends its workers, those at work after `grace`, in milliseconds. */
  readonly stop: (grace: number) => Promise<void>;
}

/**
 * Boots the first worker.
 * @throws {ChildExited} with the last log lines when the function cannot be imported
 */
export async function createPool(edgeFunction: EdgeFunction, options: WorkerOptions): Promise<Pool> {
  const workers = new Set<UserWorker>();
  const boot = async () => {
    const worker = await bootWorker(edgeFunction, options).catch((error) => {
      // Deno 2.1.4 now and then imports for ever, and not the second time.
      if (!(error instanceof OverCpuTime)) throw error;
      return bootWorker(edgeFunction, options);
    });
    workers.add(worker);
    worker.ended.then(() => workers.delete(worker));
    return worker;
  };
  let current = await boot();
  let booting: Promise<UserWorker> | undefined;
  const next = async () => {
    if (!current.isRetired) return current;
    booting ??= boot().finally(() => booting = undefined);
    return current = await booting;
  };
  return {
    call: async (request) => {
      let worker: UserWorker;
      try {
        worker = await next();
      } catch (error) {
        options.onLog(String(error));
        return problem("BOOT_ERROR");
      }
      return await worker.call(request);
    },
    stop: async (grace) => {
      await Promise.all([...workers].map((worker) => worker.stop(grace)));
    },
  };
}
