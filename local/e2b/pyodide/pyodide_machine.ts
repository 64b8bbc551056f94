import { unsupported } from "../control/unsupported.ts";
import type { KernelProcess } from "../kernel/kernel_process.ts";
import { Entrance } from "../machine/entrance.ts";
import type { Files } from "../machine/files.ts";
import type { Language } from "../machine/language.ts";
import type { Checkpoint, Child, KernelOptions, Machine, MachineInit, Program } from "../machine/machine.ts";
import { FileStore } from "./file_store.ts";
import type { MachineProcesses } from "./machine_processes.ts";
import { type KernelState, PyodideKernel } from "./pyodide_kernel.ts";
import type { Shell } from "./shell/shell.ts";
import type { ShellFiles } from "./shell/shell_files.ts";
import { Shells } from "./shell/shells.ts";
import { StoredFiles } from "./stored_files.ts";

/** What starts the processes of machines. */
export interface Starter {
  readonly languages: readonly Language[];
  processes(end: AbortSignal): MachineProcesses;
  /** With a state, one that goes on from there. */
  startPython(processes: MachineProcesses, end: AbortSignal, state?: KernelState): Promise<PyodideKernel>;
  startJavaScript(language: Language, processes: MachineProcesses): Promise<KernelProcess>;
  startShell(files: ShellFiles, processes: MachineProcesses): Promise<Shell>;
}

/** What a machine was when it was copied. */
interface State {
  readonly store: FileStore;
  readonly modes: ReadonlyMap<string, number>;
  /** By the names of the kernels. */
  readonly kernels: ReadonlyMap<string, KernelState>;
}

/** Files in the server's memory, and processes without permissions. */
export class PyodideMachine implements Machine {
  readonly languages: readonly Language[];
  readonly files: Files;
  readonly #starter: Starter;
  readonly #init: MachineInit;
  readonly #store: FileStore;
  readonly #processes: MachineProcesses;
  readonly #entrance: Entrance;
  readonly #shells: Shells;
  readonly #kernels = new Map<string, KernelProcess>();
  /** Of kernels that were not started here yet. */
  readonly #states: Map<string, KernelState>;

  constructor(starter: Starter, init: MachineInit, state?: State) {
    this.languages = starter.languages;
    this.#starter = starter;
    this.#init = init;
    this.#store = state?.store.copy() ?? new FileStore();
    this.files = new StoredFiles(this.#store);
    this.#processes = starter.processes(init.end);
    this.#entrance = new Entrance(init.end);
    const startShell = (files: ShellFiles) => starter.startShell(files, this.#processes);
    this.#shells = new Shells(this.files, init.environment, startShell, state?.modes);
    this.#states = new Map(state?.kernels);
  }

  spawn(program: Program): Promise<Child> {
    return this.#entrance.start(() => this.#shells.spawn(program));
  }

  startKernel(options: KernelOptions): Promise<KernelProcess> {
    return this.#entrance.start(async () => {
      const kernel = await this.#startKernel(options);
      this.#kernels.set(options.id, kernel);
      kernel.exited.then(() => {
        if (this.#kernels.get(options.id) === kernel) this.#kernels.delete(options.id);
      });
      return kernel;
    });
  }

  async pause(): Promise<void> {
    await this.#entrance.shut();
    try {
      this.#processes.stop();
    } catch (error) {
      this.#entrance.open();
      throw error;
    }
  }

  resume(): Promise<void> {
    this.#processes.goOn();
    this.#entrance.open();
    return Promise.resolve();
  }

  async checkpoint(quiet: () => Promise<void>): Promise<Checkpoint> {
    this.#refuseWhatRuns();
    await this.#entrance.shut();
    try {
      this.#refuseWhatRuns();
      await Promise.all(this.#pythons().map(([_id, kernel]) => kernel.isAtWork ? undefined : kernel.look()));
      await quiet();
      this.#refuseWhatRuns();
      const kernels = new Map(this.#states);
      // One after the other: each takes memory for it.
      for (const [id, kernel] of this.#pythons()) kernels.set(id, await kernel.dump());
      return this.#checkpointOf({ store: this.#store.copy(), modes: this.#shells.modes(), kernels });
    } finally {
      this.#entrance.open();
    }
  }

  #checkpointOf(state: State): Checkpoint {
    const bytes = [...state.kernels.values()].reduce((sum, kernel) => sum + kernel.bytes, state.store.bytes);
    return { bytes, restore: (init) => new PyodideMachine(this.#starter, init, state) };
  }

  /** @throws {HttpError} 501 for what no copy can go on with, whatever it does */
  #refuseWhatRuns(): void {
    if (this.#shells.isBusy) {
      throw unsupported("forking a sandbox with a command that runs", "a local shell's memory is not copied");
    }
    for (const kernel of this.#kernels.values()) {
      if (kernel.usable && !(kernel instanceof PyodideKernel)) {
        throw unsupported(
          "forking a sandbox with a JavaScript or TypeScript kernel that has run",
          "its memory is not copied",
        );
      }
    }
  }

  #pythons(): [id: string, kernel: PyodideKernel][] {
    const pythons: [id: string, kernel: PyodideKernel][] = [];
    for (const [id, kernel] of this.#kernels) {
      if (kernel.usable && kernel instanceof PyodideKernel) pythons.push([id, kernel]);
    }
    return pythons;
  }

  async #startKernel({ id, language, cwd }: KernelOptions): Promise<KernelProcess> {
    const { environment, end } = this.#init;
    if (language !== "python") {
      const kernel = await this.#starter.startJavaScript(language, this.#processes);
      kernel.send({ type: "configure", environment, cwd });
      return kernel;
    }
    const state = this.#states.get(id);
    // Whatever becomes of it: the next one under this name is a new one.
    this.#states.delete(id);
    const kernel = await this.#starter.startPython(this.#processes, end, state);
    kernel.use(this.#store, state?.sync);
    if (state === undefined) kernel.send({ type: "configure", environment, cwd });
    return kernel;
  }
}
