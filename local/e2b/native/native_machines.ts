import type { KernelProcess } from "../kernel/kernel_process.ts";
import { Entrance } from "../machine/entrance.ts";
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
  readonly canPause = true;
  readonly #languages: readonly NativeLanguage[];
  readonly #beside: Machines;
  readonly #limits: Limits;
  readonly #running = new Set<Promise<void>>();

  /** @param beside has the kernels that are not among `languages` */
  constructor(languages: readonly NativeLanguage[], beside: Machines, limits: Limits = LIMITS) {
    this.#languages = languages;
    this.#beside = beside;
    this.#limits = limits;
  }

  create(init: MachineInit): Machine {
    let agent: Promise<Agent> | undefined;
    const started = () => agent ??= this.#start(init.end);
    const beside = this.#beside.create(init);
    const entrance = new Entrance(init.end);
    return {
      languages: [...this.#languages, ...beside.languages.filter((language) => language !== "python")],
      files: new NativeFiles(started),
      spawn: (program) => entrance.start(async () => spawn(await started(), program, init)),
      startKernel: ({ language, cwd }) =>
        isNative(language) && this.#languages.includes(language)
          ? entrance.start(async () => this.#startKernel(await started(), { language, cwd }, init))
          : beside.startKernel({ language, cwd }),
      pause: async () => {
        await entrance.shut();
        try {
          await beside.pause();
          // One that could not start has nothing to stop.
          await (await agent?.catch(() => undefined))?.call({ do: "pause" });
        } catch (error) {
          await beside.resume();
          entrance.open();
          throw error;
        }
      },
      resume: async () => {
        await (await agent?.catch(() => undefined))?.call({ do: "resume" });
        await beside.resume();
        entrance.open();
      },
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
