import type { KernelProcess } from "../kernel/kernel_process.ts";
import type { Language } from "../machine/language.ts";
import type { Child, KernelOptions, Machine, MachineInit, Machines, Program } from "../machine/machine.ts";
import { Agent } from "./agent.ts";
import { NativeFiles } from "./native_files.ts";
import { NativeKernel } from "./native_kernel.ts";
import { bootCode, program } from "./sources.ts";
import { isNative, KERNELS, type NativeLanguage } from "./kernels.ts";
import { ENVIRONMENT, LIMITS, type Limits, walledAgent } from "./walls.ts";

const PYTHON = "/usr/bin/python3";

/** Machines on Linux: programs of this system inside of bubblewrap's walls, with files of their own. */
export class NativeMachines implements Machines {
  readonly languages: readonly Language[];
  readonly #languages: readonly NativeLanguage[];
  readonly #beside: Machines;
  readonly #limits: Limits;
  readonly #running = new Set<Promise<void>>();

  /** @param beside has the kernels that are not among `languages` */
  constructor(languages: readonly NativeLanguage[], beside: Machines, limits: Limits = LIMITS) {
    this.languages = [...languages, ...beside.languages.filter((language) => language !== "python")];
    this.#languages = languages;
    this.#beside = beside;
    this.#limits = limits;
  }

  create(init: MachineInit): Machine {
    let agent: Promise<Agent> | undefined;
    const started = () => agent ??= this.#start(init.end);
    const beside = this.#beside.create(init);
    return {
      languages: this.languages,
      files: new NativeFiles(started),
      spawn: async (program) => spawn(await started(), program, init),
      startKernel: async ({ language, cwd }) =>
        isNative(language) && this.#languages.includes(language)
          ? await this.#startKernel(await started(), { language, cwd }, init)
          : await beside.startKernel({ language, cwd }),
    };
  }

  async allEnded(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    await this.#beside.allEnded();
  }

  async #start(end: AbortSignal): Promise<Agent> {
    const [command, source] = await Promise.all([walledAgent(this.#limits), program("agent")]);
    if (end.aborted) throw new Error("The sandbox was ended.");
    const agent = new Agent(command.spawn(), source);
    const kill = () => agent.kill();
    end.addEventListener("abort", kill);
    const ended = agent.ended.then(() => {
      end.removeEventListener("abort", kill);
      this.#running.delete(ended);
    });
    this.#running.add(ended);
    return agent;
  }

  async #startKernel(
    agent: Agent,
    { language, cwd }: KernelOptions & { language: NativeLanguage },
    { environment }: MachineInit,
  ): Promise<KernelProcess> {
    const { role, args } = KERNELS[language];
    const overuse = Promise.withResolvers<void>();
    const child = await agent.spawn({
      do: "spawn",
      command: PYTHON,
      args: ["-c", await bootCode(), ...args],
      environment: ENVIRONMENT,
      cwd: "/home/user",
      kernel: true,
    }, overuse.resolve);
    const kernel = new NativeKernel(child);
    const limit = Math.round(this.#limits.memory / 1024 ** 2);
    overuse.promise.then(() => kernel.kill(`The kernel was ended: its sandbox used more than ${limit} MiB of memory.`));
    kernel.sendBytes(await program(role));
    await kernel.ready();
    kernel.send({ type: "configure", environment: { ...environment }, cwd });
    return kernel;
  }
}

async function spawn(agent: Agent, { command, args, environment, cwd }: Program, init: MachineInit): Promise<Child> {
  return await agent.spawn({
    do: "spawn",
    command,
    args,
    environment: { ...ENVIRONMENT, ...init.environment, ...environment },
    cwd,
    kernel: false,
  }, () => {});
}
