import { fileURLToPath, pathToFileURL } from "node:url";
import { HttpError } from "../http.ts";
import { unsupported } from "../control/unsupported.ts";
import type { KernelCommand } from "../kernel/kernel_message.ts";
import { KernelProcess } from "../kernel/kernel_process.ts";
import type { Language } from "../machine/language.ts";
import { Entrance } from "../machine/entrance.ts";
import type { KernelOptions, Machine, MachineInit, Machines } from "../machine/machine.ts";
import { Spares } from "../machine/spares.ts";
import { FileStore } from "./file_store.ts";
import { isolatedCommand, PYODIDE_URL } from "./isolation.ts";
import { MachineProcesses } from "./machine_processes.ts";
import { fetchedPackages } from "./package_cache.ts";
import { type PackageLock, readPackageLock } from "./package_lock.ts";
import { PyodideKernel } from "./pyodide_kernel.ts";
import { Shell } from "./shell/shell.ts";
import type { ShellFiles } from "./shell/shell_files.ts";
import type { ShellProgram } from "./shell/shell_program.ts";
import { Shells } from "./shell/shells.ts";
import type { Snapshot } from "./snapshot.ts";
import { StoredFiles } from "./stored_files.ts";

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

  constructor({ snapshot, shellProgram, packages, memoryLimitBytes, spares = 0 }: PyodideOptions) {
    this.#snapshot = snapshot;
    this.#shellProgram = shellProgram;
    this.#packages = packages;
    this.#memoryLimitBytes = memoryLimitBytes;
    this.#spares = new Spares(spares, () => this.#startSpare(), ({ python }) => python.usable);
  }

  create(init: MachineInit): Machine {
    const store = new FileStore();
    const files = new StoredFiles(store);
    const processes = this.#processes(init.end);
    const entrance = new Entrance(init.end);
    const shells = new Shells(files, init.environment, (files) => this.#startShell(files, processes));
    return {
      languages: this.languages,
      files,
      spawn: (program) => entrance.start(() => shells.spawn(program)),
      startKernel: (kernel) => entrance.start(() => this.#start(kernel, init, store, processes)),
      pause: async () => {
        await entrance.shut();
        try {
          processes.stop();
        } catch (error) {
          entrance.open();
          throw error;
        }
      },
      checkpoint: () => Promise.reject(unsupported("forking a sandbox", "the memory of its kernels is not copied")),
      resume: () => {
        processes.goOn();
        entrance.open();
        return Promise.resolve();
      },
    };
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

  async #start(
    { language, cwd }: KernelOptions,
    { environment, end }: MachineInit,
    store: FileStore,
    processes: MachineProcesses,
  ): Promise<KernelProcess> {
    const process =
      await (language === "python"
        ? this.#takePython(store, processes, end)
        : this.#startJavaScript(language, processes));
    process.send({ type: "configure", environment, cwd });
    return process;
  }

  async #takePython(store: FileStore, processes: MachineProcesses, end: AbortSignal): Promise<KernelProcess> {
    const spare = await this.#spares.take();
    if (spare !== undefined) processes.adopt(spare.processes);
    const kernel = spare?.python ?? await this.#startPython(processes, end);
    kernel.use(store);
    return kernel;
  }

  async #startSpare(): Promise<Spare> {
    const end = new AbortController();
    const processes = this.#processes(end.signal);
    return { python: await this.#startPython(processes, end.signal), processes, end };
  }

  async #startPython(processes: MachineProcesses, end: AbortSignal): Promise<PyodideKernel> {
    const path = await this.#snapshot.path();
    return await this.#bootPython(path, processes).catch(async (error) => {
      if (path === null || end.aborted) throw error;
      await this.#snapshot.discard(error);
      return await this.#bootPython(null, processes);
    });
  }

  async #bootPython(snapshotPath: string | null, processes: MachineProcesses): Promise<PyodideKernel> {
    const packages = await this.#offeredPackages();
    const readable = [...(snapshotPath === null ? [] : [snapshotPath]), ...Object.values(packages.wheels)];
    const bootCommand = { type: "boot", pyodideUrl: PYODIDE_URL.href, snapshotPath, packages } as const;
    const command = isolatedCommand("main.mjs", [], { readable });
    return await boot(processes.spawn(command, (child) => new PyodideKernel(child)), bootCommand);
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

  #startJavaScript(language: Language, processes: MachineProcesses): Promise<KernelProcess> {
    if (language !== "javascript" && language !== "typescript") throw new Error(`There is no kernel for ${language}.`);
    const command = isolatedCommand("javascript/main.mjs", [], {
      readable: [fileURLToPath(PARSER_URL)],
      inspector: true,
    });
    const bootCommand = { type: "boot", language, parserUrl: PARSER_URL } as const;
    return boot(processes.spawn(command, (child) => new KernelProcess(child)), bootCommand);
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

async function boot<T extends KernelProcess>(process: T, command: KernelCommand): Promise<T> {
  process.send(command);
  await process.ready();
  return process;
}
