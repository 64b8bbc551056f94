import type { Language } from "../machine/language.ts";
import type { Machine, MachineInit, Machines } from "../machine/machine.ts";
import { Spares } from "../machine/spares.ts";
import { Agent } from "./agent.ts";
import { KERNELS, type NativeLanguage } from "./kernels.ts";
import { NativeCheckpoint } from "./native_checkpoint.ts";
import { NativeKernel } from "./native_kernel.ts";
import { NativeMachine } from "./native_machine.ts";
import { bootCode, program } from "./sources.ts";
import { type Begun, type MachineState, NOTHING, type Supply } from "./supply.ts";
import { ENVIRONMENT, LIMITS, type Limits, PYTHON, walledAgent } from "./walls.ts";

interface Options {
  readonly limits?: Limits;
  /** How many of them wait, with a Python, for who needs one next. */
  readonly spares?: number;
}

interface Spare {
  readonly agent: Agent;
  readonly python: NativeKernel;
}

/** Machines on Linux: programs of this system inside of bubblewrap's walls, with files of their own. */
export class NativeMachines implements Machines {
  readonly languages: readonly Language[];
  readonly canPause = true;
  readonly #beside: Machines;
  readonly #limits: Limits;
  readonly #spares: Spares<Spare>;
  readonly #supply: Supply;
  readonly #stopped = new AbortController();
  readonly #running = new Set<Promise<void>>();

  /** @param beside has the kernels that are not among `languages` */
  constructor(languages: readonly NativeLanguage[], beside: Machines, { limits = LIMITS, spares = 0 }: Options = {}) {
    this.languages = [...languages, ...beside.languages.filter((language) => language !== "python")];
    this.#beside = beside;
    this.#limits = limits;
    this.#spares = new Spares(spares, () => this.#startSpare(), ({ python }) => python.usable);
    this.#supply = {
      languages: this.languages,
      ownLanguages: languages,
      memory: limits.memory,
      stopped: this.#stopped.signal,
      createBeside: (init) => beside.create(init),
      begin: (files) => this.#begin(files),
      startKernel: (agent, language) => this.#startKernel(agent, language),
      keep: (state) => NativeCheckpoint.take(state, this.#supply),
    };
  }

  /** @param state what it begins with */
  create(init: MachineInit, state: MachineState = NOTHING): Machine {
    return new NativeMachine(init, this.#supply, state);
  }

  async allEnded(): Promise<void> {
    this.#stopped.abort();
    for (const { agent } of await this.#spares.stop()) agent.kill();
    while (this.#running.size > 0) await Promise.all(this.#running);
    await this.#beside.allEnded();
  }

  async #begin(files: MachineState["files"]): Promise<Begun> {
    const spare = await this.#spares.take();
    const agent = spare?.agent ?? await this.#startAgent();
    try {
      if (files !== null) await agent.write({ do: "unpack" }, files);
    } catch (error) {
      agent.kill();
      throw error;
    }
    return { agent, python: spare?.python, restored: new Map() };
  }

  async #startSpare(): Promise<Spare> {
    const agent = await this.#startAgent();
    return { agent, python: await this.#startKernel(agent, "python") };
  }

  async #startAgent(): Promise<Agent> {
    const [command, source] = await Promise.all([walledAgent(this.#limits), program("agent")]);
    // Nobody would wait for its end.
    if (this.#stopped.signal.aborted) throw new Error("The server has stopped.");
    const agent = new Agent(command.spawn(), source);
    const ended = agent.ended.then(() => {
      this.#running.delete(ended);
    });
    this.#running.add(ended);
    return agent;
  }

  async #startKernel(agent: Agent, language: NativeLanguage): Promise<NativeKernel> {
    const { role, args, noise } = KERNELS[language];
    const overuse = Promise.withResolvers<void>();
    const child = await agent.spawn({
      do: "spawn",
      command: PYTHON,
      args: ["-c", await bootCode(), ...args],
      environment: ENVIRONMENT,
      cwd: "/home/user",
      kernel: true,
      state: language === "python",
    }, overuse.resolve);
    const kernel = new NativeKernel(child, noise);
    const limit = Math.round(this.#limits.memory / 1024 ** 2);
    overuse.promise.then(() => kernel.kill(`The kernel was ended: its sandbox used more than ${limit} MiB of memory.`));
    kernel.sendBytes(await program(role));
    await kernel.ready();
    return kernel;
  }
}
