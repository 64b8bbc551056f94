import { z } from "zod";
import { unsupported } from "../control/unsupported.ts";
import type { HttpError } from "../http.ts";
import type { KernelProcess } from "../kernel/kernel_process.ts";
import { Entrance } from "../machine/entrance.ts";
import { FileError } from "../machine/files.ts";
import type { Language } from "../machine/language.ts";
import type { Checkpoint, Child, KernelOptions, Machine, MachineInit, Program } from "../machine/machine.ts";
import type { Agent } from "./agent.ts";
import { isNative, type NativeLanguage } from "./kernels.ts";
import { NativeFiles } from "./native_files.ts";
import { NativeKernel, Uncarried } from "./native_kernel.ts";
import type { Begun, MachineState, Supply } from "./supply.ts";
import { ENVIRONMENT } from "./walls.ts";

/** One that runs behind walls of its own. Nothing of it is started before it is used. */
export class NativeMachine implements Machine {
  readonly languages: readonly Language[];
  readonly files: NativeFiles;
  readonly #init: MachineInit;
  readonly #supply: Supply;
  readonly #beside: Machine;
  readonly #entrance: Entrance;
  /** What it begins with. */
  readonly #files: MachineState["files"];
  /** What kernels begin with that have not been asked for. */
  readonly #kernels: Map<string, Uint8Array<ArrayBuffer>>;
  /** Those that were started last under their names. */
  readonly #running = new Map<string, { readonly language: Language; readonly process: KernelProcess }>();
  #restored = new Map<string, NativeKernel>();
  #current: Promise<Agent> | undefined;
  #python: NativeKernel | undefined;

  /** @param begun processes that are `state` already */
  constructor(init: MachineInit, supply: Supply, state: MachineState, begun?: Begun) {
    this.languages = supply.languages;
    this.#init = init;
    this.#supply = supply;
    this.#files = state.files;
    this.#kernels = new Map(state.kernels);
    this.#beside = supply.createBeside(init);
    this.#entrance = new Entrance(init.end);
    this.files = new NativeFiles(() => this.#started());
    if (begun !== undefined) this.#current = Promise.resolve(this.#adopt(begun));
  }

  spawn(program: Program): Promise<Child> {
    return this.#entrance.start(async () => spawn(await this.#started(), program, this.#init));
  }

  async startKernel(options: KernelOptions): Promise<KernelProcess> {
    const { id, language } = options;
    const isOwn = isNative(language) && this.#supply.ownLanguages.includes(language);
    return await this.#entrance.start(async () => {
      const process = isOwn ? await this.#startOwn(options, language) : await this.#beside.startKernel(options);
      this.#running.set(id, { language, process });
      return process;
    });
  }

  async pause(): Promise<void> {
    await this.#entrance.shut();
    try {
      await this.#beside.pause();
      // One that could not start has nothing to stop.
      await (await this.#agent())?.call({ do: "pause" });
    } catch (error) {
      await this.#beside.resume();
      this.#entrance.open();
      throw error;
    }
  }

  async resume(): Promise<void> {
    await (await this.#agent())?.call({ do: "resume" });
    await this.#beside.resume();
    this.#entrance.open();
  }

  async checkpoint(quiet: () => Promise<void>): Promise<Checkpoint> {
    await this.#requireCarried();
    await this.#entrance.shut();
    try {
      // What was started meanwhile.
      await this.#requireCarried();
      await quiet();
      // What an interrupted cell has left behind.
      await this.#requireCarried();
      return await this.#supply.keep(await this.#dump());
    } catch (error) {
      if (error instanceof Uncarried) throw uncarried(error.message);
      throw error instanceof FileError ? uncarried(`its files cannot be copied: ${error.message}`) : error;
    } finally {
      this.#entrance.open();
    }
  }

  async #dump(): Promise<MachineState> {
    const kernels = new Map(this.#kernels);
    let left = this.#supply.memory;
    for (const [id, { process }] of this.#alive()) {
      if (!(process instanceof NativeKernel)) continue;
      const state = await process.dump(left);
      left -= state.length;
      kernels.set(id, state);
    }
    const agent = await this.#agent();
    return { files: agent === undefined ? this.#files : await agent.read({ do: "pack" }), kernels };
  }

  /** @throws {HttpError} 501 that names what cannot */
  async #requireCarried(): Promise<void> {
    const other = this.#alive().find(([, { language }]) => language !== "python");
    if (other !== undefined) {
      throw uncarried(`the state of its ${other[1].language} kernel cannot be read from outside`);
    }
    const agent = await this.#agent();
    if (agent === undefined) return;
    const [program] = z.array(z.string()).parse(await agent.call({ do: "others" }));
    if (program !== undefined) throw uncarried(`a program runs in it: ${program}`);
  }

  /** Those that still run, with what they are. */
  #alive(): [id: string, kernel: { readonly language: Language; readonly process: KernelProcess }][] {
    return [...this.#running].filter(([, { process }]) => process.usable);
  }

  async #startOwn({ id, isFresh, cwd }: KernelOptions, language: NativeLanguage): Promise<NativeKernel> {
    const agent = await this.#started();
    if (isFresh) this.#forget(id);
    const state = this.#kernels.get(id);
    const kernel = this.#restored.get(id) ?? await this.#startEmpty(agent, language);
    // Once: when it has died, what it was is lost, as it is for the one that it was made of.
    this.#kernels.delete(id);
    if (state !== undefined && !this.#restored.delete(id)) await kernel.become(state);
    kernel.send({ type: "configure", environment: { ...this.#init.environment }, cwd });
    return kernel;
  }

  /** What a kernel would go on with. */
  #forget(id: string): void {
    this.#kernels.delete(id);
    this.#restored.get(id)?.kill("The kernel was restarted.");
    this.#restored.delete(id);
  }

  async #startEmpty(agent: Agent, language: NativeLanguage): Promise<NativeKernel> {
    const spare = language === "python" && this.#python?.usable ? this.#python : undefined;
    if (language === "python") this.#python = undefined;
    return spare ?? await this.#supply.startKernel(agent, language);
  }

  #started(): Promise<Agent> {
    return this.#current ??= this.#supply.begin(this.#files).then((begun) => this.#adopt(begun)).catch((error) => {
      this.#current = undefined;
      throw error;
    });
  }

  /** If it has begun. */
  async #agent(): Promise<Agent | undefined> {
    return await this.#current?.catch(() => undefined);
  }

  #adopt({ agent, python, restored }: Begun): Agent {
    this.#python = python;
    this.#restored = new Map(restored);
    endWith(agent, this.#init.end);
    agent.ended.then(() => {
      if (agent.hasSpoken) this.#init.onLost();
      // Perhaps the next one begins.
      else this.#current = undefined;
    });
    return agent;
  }
}

function uncarried(why: string): HttpError {
  return unsupported("forking this sandbox", why);
}

/** At once, if that has come. */
export function endWith(agent: Agent, end: AbortSignal): void {
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
    state: false,
  }, () => {});
}
