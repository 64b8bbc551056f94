import { pathToFileURL } from "node:url";
import { HttpError } from "../http.ts";
import type { KernelCommand } from "../kernel/kernel_message.ts";
import { KernelProcess } from "../kernel/kernel_process.ts";
import type { Language } from "../machine/language.ts";
import { Entrance } from "../machine/entrance.ts";
import type { KernelOptions, Machine, MachineInit, Machines } from "../machine/machine.ts";
import { FileStore } from "./file_store.ts";
import { isolatedCommand, PYODIDE_URL } from "./isolation.ts";
import { MachineProcesses } from "./machine_processes.ts";
import { PyodideKernel } from "./pyodide_kernel.ts";
import { Shell } from "./shell/shell.ts";
import type { ShellFiles } from "./shell/shell_files.ts";
import type { ShellProgram } from "./shell/shell_program.ts";
import { Shells } from "./shell/shells.ts";
import type { Snapshot } from "./snapshot.ts";
import { StoredFiles } from "./stored_files.ts";

/**
 * Machines that are found wherever Deno runs: files in the server's memory, Python as WebAssembly, and each kernel in a
 * process without permissions.
 */
export class PyodideMachines implements Machines {
  readonly canPause = Deno.build.os !== "windows";
  readonly #snapshot: Snapshot;
  readonly #shellProgram: ShellProgram;
  readonly #memoryLimitBytes: number;
  readonly #running = new Set<Promise<void>>();

  constructor(snapshot: Snapshot, shellProgram: ShellProgram, memoryLimitBytes: number) {
    this.#snapshot = snapshot;
    this.#shellProgram = shellProgram;
    this.#memoryLimitBytes = memoryLimitBytes;
  }

  create(init: MachineInit): Machine {
    const store = new FileStore();
    const files = new StoredFiles(store);
    const processes = new MachineProcesses(this.#memoryLimitBytes, init.end, (exited) => this.#awaitEnd(exited));
    const entrance = new Entrance(init.end);
    const shells = new Shells(files, init.environment, (files) => this.#startShell(files, processes));
    return {
      languages: ["python", "javascript", "typescript"],
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
      resume: () => {
        processes.goOn();
        entrance.open();
        return Promise.resolve();
      },
    };
  }

  async allEnded(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
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
        ? this.#startPython(store, processes, end)
        : this.#startJavaScript(language, processes));
    process.send({ type: "configure", environment, cwd });
    return process;
  }

  async #startPython(store: FileStore, processes: MachineProcesses, end: AbortSignal): Promise<KernelProcess> {
    const path = await this.#snapshot.path();
    return await this.#bootPython(path, store, processes).catch(async (error) => {
      if (path === null || end.aborted) throw error;
      await this.#snapshot.discard(error);
      return await this.#bootPython(null, store, processes);
    });
  }

  #bootPython(snapshotPath: string | null, store: FileStore, processes: MachineProcesses): Promise<KernelProcess> {
    const readable = snapshotPath === null ? [] : [snapshotPath];
    const bootCommand = { type: "boot", pyodideUrl: PYODIDE_URL.href, snapshotPath } as const;
    const command = isolatedCommand("main.mjs", [], { readable });
    return boot(processes.spawn(command, (child) => new PyodideKernel(child, store)), bootCommand);
  }

  #startJavaScript(language: Language, processes: MachineProcesses): Promise<KernelProcess> {
    if (language !== "javascript" && language !== "typescript") throw new Error(`There is no kernel for ${language}.`);
    const command = isolatedCommand("javascript/main.mjs", [], { inspector: true });
    return boot(processes.spawn(command, (child) => new KernelProcess(child)), { type: "boot", language });
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

async function boot(process: KernelProcess, command: KernelCommand): Promise<KernelProcess> {
  process.send(command);
  await process.ready();
  return process;
}
