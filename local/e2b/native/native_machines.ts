import { unsupported } from "../control/unsupported.ts";
import type { KernelProcess } from "../kernel/kernel_process.ts";
import { Entrance } from "../machine/entrance.ts";
import type { Language } from "../machine/language.ts";
import { Spares } from "../machine/spares.ts";
import type { Child, Machine, MachineInit, Machines, Program } from "../machine/machine.ts";
import { Agent } from "./agent.ts";
import { NativeFiles } from "./native_files.ts";
import { NativeKernel } from "./native_kernel.ts";
import { bootCode, program } from "./sources.ts";
import { isNative, KERNELS, type NativeLanguage } from "./kernels.ts";
import { ENVIRONMENT, LIMITS, type Limits, PYTHON, walledAgent } from "./walls.ts";

interface Options {
  readonly limits?: Limits;
  /** How many of them wait, with a Python, for who needs one next. */
  readonly spares?: number;
}

interface Spare {
  readonly agent: Agent;
  readonly python: KernelProcess;
}

/** Machines on Linux: programs of this system inside of bubblewrap's walls, with files of their own. */
export class NativeMachines implements Machines {
  readonly languages: readonly Language[];
  readonly canPause = true;
  readonly #languages: readonly NativeLanguage[];
  readonly #beside: Machines;
  readonly #limits: Limits;
  readonly #spares: Spares<Spare>;
  readonly #running = new Set<Promise<void>>();

  /** @param beside has the kernels that are not among `languages` */
  constructor(languages: readonly NativeLanguage[], beside: Machines, { limits = LIMITS, spares = 0 }: Options = {}) {
    this.languages = [...languages, ...beside.languages.filter((language) => language !== "python")];
    this.#languages = languages;
    this.#beside = beside;
    this.#limits = limits;
    this.#spares = new Spares(spares, () => this.#startSpare(), ({ python }) => python.usable);
  }

  create(init: MachineInit): Machine {
    let current: Promise<Agent> | undefined;
    let waiting: KernelProcess | undefined;
    const start = async () => {
      const spare = await this.#spares.take();
      const agent = spare?.agent ?? await this.#startAgent();
      waiting = spare?.python;
      endWith(agent, init.end);
      agent.ended.then(() => {
        if (agent.hasSpoken) init.onLost();
        // Perhaps the next one begins.
        else current = undefined;
      });
      return agent;
    };
    const started = () =>
      current ??= start().catch((error) => {
        current = undefined;
        throw error;
      });
    const beside = this.#beside.create(init);
    const entrance = new Entrance(init.end);
    return {
      languages: this.languages,
      files: new NativeFiles(started),
      spawn: (program) => entrance.start(async () => spawn(await started(), program, init)),
      startKernel: ({ id, isFresh, language, cwd }) =>
        isNative(language) && this.#languages.includes(language)
          ? entrance.start(async () => {
            const agent = await started();
            const spare = language === "python" && waiting?.usable ? waiting : undefined;
            if (language === "python") waiting = undefined;
            const kernel = spare ?? await this.#startKernel(agent, language);
            kernel.send({ type: "configure", environment: { ...init.environment }, cwd });
            return kernel;
          })
          : beside.startKernel({ id, isFresh, language, cwd }),
      pause: async () => {
        await entrance.shut();
        try {
          await beside.pause();
          // One that could not start has nothing to stop.
          await (await current?.catch(() => undefined))?.call({ do: "pause" });
        } catch (error) {
          await beside.resume();
          entrance.open();
          throw error;
        }
      },
      checkpoint: () => Promise.reject(unsupported("forking a sandbox", "the memory of its kernels is not copied")),
      resume: async () => {
        await (await current?.catch(() => undefined))?.call({ do: "resume" });
        await beside.resume();
        entrance.open();
      },
    };
  }

  async allEnded(): Promise<void> {
    for (const { agent } of await this.#spares.stop()) agent.kill();
    while (this.#running.size > 0) await Promise.all(this.#running);
    await this.#beside.allEnded();
  }

  async #startSpare(): Promise<Spare> {
    const agent = await this.#startAgent();
    return { agent, python: await this.#startKernel(agent, "python") };
  }

  async #startAgent(): Promise<Agent> {
    const [command, source] = await Promise.all([walledAgent(this.#limits), program("agent")]);
    const agent = new Agent(command.spawn(), source);
    const ended = agent.ended.then(() => {
      this.#running.delete(ended);
    });
    this.#running.add(ended);
    return agent;
  }

  async #startKernel(agent: Agent, language: NativeLanguage): Promise<KernelProcess> {
    const { role, args, noise } = KERNELS[language];
    const overuse = Promise.withResolvers<void>();
    const child = await agent.spawn({
      do: "spawn",
      command: PYTHON,
      args: ["-c", await bootCode(), ...args],
      environment: ENVIRONMENT,
      cwd: "/home/user",
      kernel: true,
    }, overuse.resolve);
    const kernel = new NativeKernel(child, noise);
    const limit = Math.round(this.#limits.memory / 1024 ** 2);
    overuse.promise.then(() => kernel.kill(`The kernel was ended: its sandbox used more than ${limit} MiB of memory.`));
    kernel.sendBytes(await program(role));
    await kernel.ready();
    return kernel;
  }
}

/** At once, if that has come. */
function endWith(agent: Agent, end: AbortSignal): void {
  const kill = () => agent.kill();
  if (end.aborted) return kill();
  end.addEventListener("abort", kill);
  agent.ended.then(() => end.removeEventListener("abort", kill));
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
