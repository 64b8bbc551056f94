import { join } from "node:path";
import { HttpError } from "../../local/e2b/http.ts";
import type { Child, Machine, MachineInit, Machines, Program, Signal } from "../../local/e2b/machine/machine.ts";
import { FileStore } from "../../local/e2b/pyodide/file_store.ts";
import { StoredFiles } from "../../local/e2b/pyodide/stored_files.ts";

/**
 * Machines whose programs are processes of this one, without any wall: for tests of what only real processes do. A
 * program has its folder below one that is removed in the end; the sandbox's files are others.
 */
export class HostMachines implements Machines {
  readonly languages = [];
  readonly canPause = false;
  readonly #running = new Set<Promise<unknown>>();
  #folder: string | undefined;

  create(init: MachineInit): Machine {
    return {
      languages: this.languages,
      files: new StoredFiles(new FileStore()),
      spawn: (program) => this.#spawn(program, init),
      startKernel: () => Promise.reject(new HttpError(501, "this machine has no kernels")),
      pause: () => Promise.reject(new HttpError(501, "this machine cannot be paused")),
      resume: () => Promise.reject(new HttpError(501, "this machine cannot be resumed")),
      checkpoint: () => Promise.reject(new HttpError(501, "this machine cannot be forked")),
    };
  }

  async allEnded(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    if (this.#folder !== undefined) await Deno.remove(this.#folder, { recursive: true });
  }

  async #spawn(program: Program, { environment, end }: MachineInit): Promise<Child> {
    this.#folder ??= Deno.makeTempDirSync({ prefix: "host-machine-" });
    const cwd = join(this.#folder, program.cwd);
    await Deno.mkdir(cwd, { recursive: true });
    const child = new Deno.Command(program.command, {
      args: [...program.args],
      cwd,
      clearEnv: true,
      env: { PATH: Deno.env.get("PATH") ?? "", ...environment, ...program.environment },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const kill = (signal: Signal) => {
      try {
        child.kill(signal);
      } catch {
        // It ended by itself a moment ago.
      }
    };
    const onEnd = () => kill("SIGKILL");
    end.addEventListener("abort", onEnd);
    const ended = child.status.finally(() => {
      end.removeEventListener("abort", onEnd);
      this.#running.delete(ended);
    });
    this.#running.add(ended);
    const { pid, stdin, stdout, stderr, status } = child;
    return { pid, stdin, stdout, stderr, status, kill };
  }
}
