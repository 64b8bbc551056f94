import { fileURLToPath, pathToFileURL } from "node:url";
import { HttpError } from "../http.ts";
import { KernelProcess } from "../kernel/kernel_process.ts";
import type { Language } from "../machine/language.ts";
import type { Machine, MachineInit, Machines } from "../machine/machine.ts";
import { Spares } from "../machine/spares.ts";
import { isolatedCommand, PYODIDE_URL } from "./isolation.ts";
import { MachineProcesses } from "./machine_processes.ts";
import { fetchedPackages } from "./package_cache.ts";
import { type PackageLock, readPackageLock } from "./package_lock.ts";
import { type KernelState, PyodideKernel } from "./pyodide_kernel.ts";
import { PyodideMachine, type Starter } from "./pyodide_machine.ts";
import { Shell } from "./shell/shell.ts";
import type { ShellFiles } from "./shell/shell_files.ts";
import type { ShellProgram } from "./shell/shell_program.ts";
import type { Snapshot } from "./snapshot.ts";

/** What JavaScript's kernels parse cells with that import. */
const PARSER_URL = import.meta.resolve("acorn");

/** Where the packages are that cells may import, and the lock file that names them. */
export interface PackageSource {
  readonly directory: string;
  readonly lock: string;
}

interface PyodideOptions {
  readonly snapshot: Snapshot;
  readonly shellProgram: ShellProgram;
  readonly packages: PackageSource;
  readonly memoryLimitBytes: number;
  /** How many Pythons wait for who needs one next; default 0. */
  readonly spares?: number;
}

interface Spare {
  readonly python: PyodideKernel;
  readonly processes: MachineProcesses;
  readonly end: AbortController;
}

/**
 * Machines that are found wherever Deno runs: files in the server's memory, Python as WebAssembly, and each kernel in a
 * process without permissions.
 */
export class PyodideMachines implements Machines {
  readonly languages = ["python", "javascript", "typescript"] as const;
  readonly canPause = Deno.build.os !== "windows";
  readonly #snapshot: Snapshot;
  readonly #shellProgram: ShellProgram;
  readonly #packages: PackageSource;
  #lock: Promise<PackageLock> | undefined;
  readonly #memoryLimitBytes: number;
  readonly #running = new Set<Promise<void>>();
  readonly #spares: Spares<Spare>;
  readonly #starter: Starter;

  constructor({ snapshot, shellProgram, packages, memoryLimitBytes, spares = 0 }: PyodideOptions) {
    this.#snapshot = snapshot;
    this.#shellProgram = shellProgram;
    this.#packages = packages;
    this.#memoryLimitBytes = memoryLimitBytes;
    this.#spares = new Spares(spares, () => this.#startSpare(), ({ python }) => python.usable);
    this.#starter = {
      languages: this.languages,
      processes: (end) => this.#processes(end),
      startPython: (processes, end, state) =>
        state === undefined
          ? this.#takePython(processes, end)
          : this.#bootPython({ snapshotPath: null, state }, processes),
      startJavaScript: (language, processes) => this.#startJavaScript(language, processes),
      startShell: (files, processes) => this.#startShell(files, processes),
    };
  }

  create(init: MachineInit): Machine {
    return new PyodideMachine(this.#starter, init);
  }

  async allEnded(): Promise<void> {
    for (const { end } of await this.#spares.stop()) end.abort();
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #processes(end: AbortSignal): MachineProcesses {
    return new MachineProcesses(this.#memoryLimitBytes, end, (exited) => this.#awaitEnd(exited));
  }

  #awaitEnd(exited: Promise<void>): void {
    this.#running.add(exited);
    exited.then(() => this.#running.delete(exited));
  }

  async #takePython(processes: MachineProcesses, end: AbortSignal): Promise<PyodideKernel> {
    const spare = await this.#spares.take();
    if (spare !== undefined) processes.adopt(spare.processes);
    return spare?.python ?? await this.#startPython(processes, end);
  }

  async #startSpare(): Promise<Spare> {
    const end = new AbortController();
    const processes = this.#processes(end.signal);
    return { python: await this.#startPython(processes, end.signal), processes, end };
  }

  async #startPython(processes: MachineProcesses, end: AbortSignal): Promise<PyodideKernel> {
    const path = await this.#snapshot.path();
    return await this.#bootPython({ snapshotPath: path }, processes).catch(async (error) => {
      if (path === null || end.aborted) throw error;
      await this.#snapshot.discard(error);
      return await this.#bootPython({ snapshotPath: null }, processes);
    });
  }

  /** Without a snapshot it starts slowly, unless it goes on from another one. */
  async #bootPython(
    { snapshotPath, state }: { snapshotPath: string | null; state?: KernelState },
    processes: MachineProcesses,
  ): Promise<PyodideKernel> {
    const packages = await this.#offeredPackages();
    const readable = [...(snapshotPath === null ? [] : [snapshotPath]), ...Object.values(packages.wheels)];
    const command = isolatedCommand("main.mjs", [], { readable });
    const kernel = processes.spawn(command, (child) => new PyodideKernel(child));
    kernel.send({ type: "boot", pyodideUrl: PYODIDE_URL.href, snapshotPath, packages, stateBytes: state?.bytes ?? 0 });
    for (const piece of state?.pieces ?? []) kernel.sendBytes(piece);
    await kernel.ready();
    return kernel;
  }

  /** Asked for each kernel: what is fetched while the server runs is there for the next one. */
  async #offeredPackages() {
    this.#lock ??= readPackageLock(this.#packages.lock);
    const lock = await this.#lock;
    const known = [...lock].map(([name, { imports, depends, sha256 }]) => [name, { imports, depends, sha256 }]);
    return {
      known: JSON.stringify(Object.fromEntries(known)),
      wheels: await fetchedPackages(lock, this.#packages.directory),
    };
  }

  async #startJavaScript(language: Language, processes: MachineProcesses): Promise<KernelProcess> {
    if (language !== "javascript" && language !== "typescript") throw new Error(`There is no kernel for ${language}.`);
    const command = isolatedCommand("javascript/main.mjs", [], {
      readable: [fileURLToPath(PARSER_URL)],
      inspector: true,
    });
    const kernel = processes.spawn(command, (child) => new KernelProcess(child));
    kernel.send({ type: "boot", language, parserUrl: PARSER_URL });
    await kernel.ready();
    return kernel;
  }

  async #startShell(files: ShellFiles, processes: MachineProcesses): Promise<Shell> {
    const path = await this.#shellProgram.path().catch((error) => {
      throw new HttpError(501, `the local shell cannot be bundled: ${error instanceof Error ? error.message : error}`);
    });
    const command = isolatedCommand(pathToFileURL(path).href, [], { standalone: true });
    const shell = processes.spawn(command, (child) => new Shell(child, files), "shell");
    await shell.ready();
    return shell;
  }
}
