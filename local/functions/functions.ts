/** The processes that run the Edge Functions, and how a call reaches one of them. */

import { z } from "zod";
import { type Child, spawnChild } from "../child.ts";
import { LOOPBACK } from "../port.ts";
import { forward, notConnected } from "../proxy.ts";
import { REPOSITORY } from "../repository.ts";
import type { WorkerLimits } from "./edge/limits.ts";
import { problem } from "./problem.ts";
import type { FunctionGroup } from "./project.ts";
import { inherited } from "./environment.ts";
import { denoRuntime, edgeRuntime, type Runtime, type RuntimeName } from "./runtime.ts";

export interface FunctionsOptions {
  /** How many processes; each serves all functions of a group. */
  readonly count: number;
  /** What the functions find in their environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly groups: readonly FunctionGroup[];
  /** Default `deno`. */
  readonly runtime?: RuntimeName;
  /** Of a worker of the runtime `edge`, where they are not the platform's. */
  readonly limits?: Partial<WorkerLimits>;
  /** Called with each line a function prints. */
  readonly onLog?: (line: string) => void;
}

export interface FunctionProcess {
  /** Changes at each restart; null while it is down. */
  readonly url: string | null;
  /** In the runtime `edge`, the main worker's; the functions' workers are processes of their own. */
  readonly pid: number;
  /** Settles when the process that runs now is seen to have ended. */
  readonly exited: Promise<void>;
  /**
   * Tells the functions that their worker is about to end, as the platform does for `reason`: `wall_clock`, `cpu`,
   * `memory`, `early_drop` or `termination`. The process itself goes on. In the runtime `edge`, workers end by themselves.
   */
  announceEnd(reason: string): Promise<void>;
  /** SIGKILL, as a crash, to all that it started too. */
  kill(): Promise<void>;
  /** Starts it anew, ending it first if it runs. */
  restart(): Promise<void>;
}

export interface Functions {
  readonly names: readonly string[];
  readonly processes: readonly FunctionProcess[];
  /** Passes a call of a function to the processes in turn. One that is down is passed over. */
  call(name: string, request: Request): Promise<Response>;
  stop(): Promise<void>;
}

/** A longer body is streamed, and then a call cannot go to a second process when the first is down. */
const HELD_BODY_BYTES = 1024 * 1024;

const Ready = z.object({ port: z.int().positive() });

/**
 * Starts `count` processes for each group.
 * @throws {ChildExited} with the last log lines when a function cannot be imported
 */
export async function startFunctions(options: FunctionsOptions): Promise<Functions> {
  const runtime = options.runtime === "edge"
    ? await edgeRuntime(options.limits ?? {})
    : await denoRuntime(options.groups);
  const started = await Promise.allSettled(
    options.groups.flatMap((group) =>
      Array.from({ length: options.count }, async () => ({
        group,
        process: await startProcess(group, runtime, options),
      }))
    ),
  );
  const running = started.flatMap((result) => result.status === "fulfilled" ? [result.value] : []);
  const stop = async () => {
    await Promise.all(running.map(({ process }) => process.stop()));
    await runtime.stop();
  };
  for (const result of started) {
    if (result.status === "fulfilled") continue;
    await stop();
    throw result.reason;
  }
  let turn = 0;
  const call = async (name: string, request: Request) => {
    const processes = running.flatMap(({ group, process }) =>
      group.functions.some((one) => one.name === name) ? [process] : []
    );
    if (processes.length === 0) return problem("NOT_FOUND");
    const first = turn++ % processes.length;
    return await callOne([...processes.slice(first), ...processes.slice(0, first)], request);
  };
  const names = options.groups.flatMap(({ functions }) => functions.map(({ name }) => name)).sort();
  return { names, processes: running.map(({ process }) => process), call, stop };
}

async function callOne(processes: readonly FunctionProcess[], request: Request): Promise<Response> {
  const { pathname, search, hostname, port, protocol } = new URL(request.url);
  const headers = new Headers(request.headers);
  // By these a function knows under which address it was called, as behind the platform's gateway.
  headers.set("x-forwarded-host", hostname);
  headers.set("x-forwarded-port", port);
  headers.set("x-forwarded-proto", protocol.slice(0, -1));
  const path = pathname.replace(/^\/functions\/v1/, "") + search;
  const short = Number(request.headers.get("content-length") ?? Infinity) <= HELD_BODY_BYTES;
  const body = request.body === null || short ? await request.blob() : undefined;

  for (const { url } of processes) {
    if (url === null) continue;
    try {
      return await forward(request, new URL(path, url), { headers, body });
    } catch (error) {
      if (request.signal.aborted) throw error;
      if (!notConnected(error)) return problem("WORKER_ERROR", "The function's process ended during the call");
      if (body === undefined) break;
    }
  }
  return problem("BOOT_ERROR", "No function process is running");
}

async function startProcess(
  group: FunctionGroup,
  runtime: Runtime,
  options: FunctionsOptions,
): Promise<FunctionProcess & { stop(): Promise<void> }> {
  const start = async () => {
    const child = spawnProcess(group, runtime, options);
    const { port } = await child.line(readReady);
    const running = { child, url: `http://${LOOPBACK}:${port}`, up: true };
    const exited = child.exited.then(() => {
      running.up = false;
    });
    return Object.assign(running, { exited });
  };
  let running = await start();
  return {
    get url() {
      return running.up ? running.url : null;
    },
    get pid() {
      return running.child.pid;
    },
    get exited() {
      return running.exited;
    },
    announceEnd: async (reason) => {
      const response = await fetch(new URL("/.beforeunload", running.url), { method: "POST", body: reason });
      await response.body?.cancel();
    },
    kill: async () => {
      await running.child.kill();
      await running.exited;
    },
    restart: async () => {
      await running.child.stop();
      running = await start();
    },
    stop: () => running.child.stop(),
  };
}

function spawnProcess(group: FunctionGroup, runtime: Runtime, options: FunctionsOptions): Child {
  const [command, ...args] = runtime.commandOf(group);
  return spawnChild({
    name: "The functions' process",
    command,
    args,
    cwd: REPOSITORY,
    env: {
      ...inherited(CACHE),
      ...(group.importMap === undefined ? {} : inherited(DOWNLOADS)),
      NO_COLOR: "1",
      ...options.env,
    },
    onLine: (line) => {
      if (readReady(line) === undefined) options.onLog?.(line);
    },
  });
}

/** Deno finds its cache of modules by these. */
const CACHE = ["DENO_DIR", "XDG_CACHE_HOME", "HOME"];
/** And what is not in it by these. */
const DOWNLOADS = ["DENO_TLS_CA_STORE", "DENO_CERT", "NPM_CONFIG_REGISTRY"];

function readReady(line: string): z.infer<typeof Ready> | undefined {
  try {
    return Ready.safeParse(JSON.parse(line)).data;
  } catch (error) {
    // A function printed something of its own while it was imported.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
