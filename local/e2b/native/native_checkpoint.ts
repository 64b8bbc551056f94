import type { Checkpoint, Machine, MachineInit } from "../machine/machine.ts";
import { endWith, NativeMachine } from "./native_machine.ts";
import type { Begun, MachineState, Supply } from "./supply.ts";

/** How long the machine that was made to see whether it can be waits for somebody who wants it. */
const TRIAL_MS = 3_000;

/** What a machine was, in the server's memory. */
export class NativeCheckpoint implements Checkpoint {
  readonly bytes: number;
  readonly #state: MachineState;
  readonly #supply: Supply;
  #trial: Begun | undefined;
  readonly #timer: ReturnType<typeof setTimeout>;

  private constructor(state: MachineState, supply: Supply, trial: Begun) {
    this.#state = state;
    this.#supply = supply;
    this.#trial = trial;
    this.#timer = setTimeout(() => this.#takeTrial()?.agent.kill(), TRIAL_MS);
    // Whatever ends it, e.g. the server.
    trial.agent.ended.then(() => this.#takeTrial());
    this.bytes = [state.files, ...state.kernels.values()].reduce((sum, part) => sum + (part?.length ?? 0), 0);
  }

  /**
   * Makes a machine of it first: what one could not be made of is not kept.
   * @throws {Uncarried} with the reason
   */
  static async take(state: MachineState, supply: Supply): Promise<NativeCheckpoint> {
    const begun = await supply.begin(state.files);
    endWith(begun.agent, supply.stopped);
    try {
      const restored = new Map(begun.restored);
      for (const [id, bytes] of state.kernels) {
        const spare = restored.size === 0 && begun.python?.usable ? begun.python : undefined;
        const kernel = spare ?? await supply.startKernel(begun.agent, "python");
        await kernel.load(bytes);
        restored.set(id, kernel);
      }
      const python = restored.size === 0 ? begun.python : undefined;
      return new NativeCheckpoint(state, supply, { ...begun, python, restored });
    } catch (error) {
      begun.agent.kill();
      throw error;
    }
  }

  restore(init: MachineInit): Machine {
    return new NativeMachine(init, this.#supply, this.#state, this.#takeTrial());
  }

  #takeTrial(): Begun | undefined {
    clearTimeout(this.#timer);
    const trial = this.#trial;
    this.#trial = undefined;
    return trial;
  }
}
