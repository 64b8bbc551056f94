import { fileURLToPath, pathToFileURL } from "node:url";
import { HttpError } from "../http.ts";
import type { KernelCommand } from "../kernel/kernel_message.ts";
import { KernelProcess } from "../kernel/kernel_process.ts";
import type { Language } from "../machine/language.ts";
import type { Child, KernelOptions, Machine, MachineInit, Machines, Signal } from "../machine/machine.ts";
import { FileStore } from "./file_store.ts";
import { isolatedCommand, PYODIDE_URL } from "./isolation.ts";
import { watchMemory } from "./memory_watch.ts";
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
}

/**
 * Machines that are found wherever Deno runs: files in the server's memory, Python as WebAssembly, and each kernel in a
 * process without permissions.
 */
export class PyodideMachines implements Machines {
  readonly languages = ["python", "javascript", "typescript"] as const;
  readonly #snapshot: Snapshot;
  readonly #shellProgram: ShellProgram;
  readonly #packages: PackageSource;
  #lock: Promise<PackageLock> | undefined;
  readonly #memoryLimitBytes: number;
  readonly #running = new Set<Promise<void>>();

  constructor({ snapshot, shellProgram, packages, memoryLimitBytes }: PyodideOptions) {
    this.#snapshot = snapshot;
    this.#shellProgram = shellProgram;
    this.#packages = packages;
    this.#memoryLimitBytes = memoryLimitBytes;
  }

  create(init: MachineInit): Machine {
    const store = new FileStore();
    const files = new StoredFiles(store);
    const shells = new Shells(files, init.environment, (files) => this.#startShell(files, init.end));
    return {
      languages: this.languages,
      files,
      spawn: (program) => shells.spawn(program),
      startKernel: (kernel) => this.#start(kernel, init, store),
    };
  }

  async allEnded(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async #start({ language, cwd }: KernelOptions, { environment, end }: MachineInit, store: FileStore) {
    const process =
      await (language === "python" ? this.#startPython(store, end) : this.#startJavaScript(language, end));
    process.send({ type: "configure", environment, cwd });
    return process;
  }

  async #startPython(store: FileStore, end: AbortSignal): Promise<KernelProcess> {
    const path = await this.#snapshot.path();
    return await this.#bootPython(path, store, end).catch(async (error) => {
      if (path === null || end.aborted) throw error;
      await this.#snapshot.discard(error);
      return await this.#bootPython(null, store, end);
    });
  }

  async #bootPython(snapshotPath: string | null, store: FileStore, end: AbortSignal): Promise<KernelProcess> {
    const packages = await this.#offeredPackages();
    const readable = [...(snapshotPath === null ? [] : [snapshotPath]), ...Object.values(packages.wheels)];
    const boot = { type: "boot", pyodideUrl: PYODIDE_URL.href, snapshotPath, packages } as const;
    const command = isolatedCommand("main.mjs", [], { readable });
    return await this.#boot(command, boot, (child) => new PyodideKernel(child, store), end);
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

  #startJavaScript(language: Language, end: AbortSignal): Promise<KernelProcess> {
    if (language !== "javascript" && language !== "typescript") throw new Error(`There is no kernel for ${language}.`);
    const command = isolatedCommand("javascript/main.mjs", [], {
      readable: [fileURLToPath(PARSER_URL)],
      inspector: true,
    });
    return this.#boot(
      command,
      { type: "boot", language, parserUrl: PARSER_URL },
      (child) => new KernelProcess(child),
      end,
    );
  }

  async #boot(
    command: Deno.Command,
    boot: KernelCommand,
    hold: (child: Child) => KernelProcess,
    end: AbortSignal,
  ): Promise<KernelProcess> {
    const process = this.#spawn(command, hold, end);
    process.send(boot);
    await process.ready();
    return process;
  }

  async #startShell(files: ShellFiles, end: AbortSignal): Promise<Shell> {
    const path = await this.#shellProgram.path().catch((error) => {
      throw new HttpError(501, `the local shell cannot be bundled: ${error instanceof Error ? error.message : error}`);
    });
    const command = isolatedCommand(pathToFileURL(path).href, [], { standalone: true });
    const shell = this.#spawn(command, (child) => new Shell(child, files), end, "shell");
    await shell.ready();
    return shell;
  }

  /** Starts a process that ends with its machine, or when it has more memory than it may. */
  #spawn<T extends IsolatedProcess>(
    command: Deno.Command,
    hold: (child: Child) => T,
    end: AbortSignal,
    what?: "shell",
  ): T {
    if (end.aborted) throw new Error("The sandbox was ended.");
    const child = command.spawn();
    const process = hold(heldBy(child));
    this.#running.add(process.exited);
    const watch = watchMemory(child.pid, this.#memoryLimitBytes, (verdict) => process.kill(verdict), what);
    const kill = () => process.kill("The sandbox was ended.");
    end.addEventListener("abort", kill);
    process.exited.then(() => {
      watch.stop();
      end.removeEventListener("abort", kill);
      this.#running.delete(process.exited);
    });
    return process;
  }
}

interface IsolatedProcess {
  readonly exited: Promise<void>;
  /** `verdict` is for whose code it runs. */
  kill(verdict: string): void;
}

function heldBy(process: Deno.ChildProcess): Child {
  const { pid, stdin, stdout, stderr, status } = process;
  const kill = (signal: Signal) => {
    try {
      process.kill(signal);
    } catch {
      // It ended by itself a moment ago.
    }
  };
  return { pid, stdin, stdout, stderr, status, kill };
}
