import type { Language } from "../machine/language.ts";
import type { Checkpoint, Machine, MachineInit } from "../machine/machine.ts";
import type { Agent } from "./agent.ts";
import type { NativeLanguage } from "./kernels.ts";
import type { NativeKernel } from "./native_kernel.ts";

/** What is left of a machine when it is copied. */
export interface MachineState {
  /** All of them, as its agent has packed them; `null` for a machine that was never used. */
  readonly files: Uint8Array<ArrayBuffer> | null;
  /** What each Python was, by the name that its context has. */
  readonly kernels: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

export const NOTHING: MachineState = { files: null, kernels: new Map() };

/** The processes of a machine that has begun. */
export interface Begun {
  readonly agent: Agent;
  /** One that has run nothing. */
  readonly python: NativeKernel | undefined;
  /** Those that have become what others were, by the names that those had. */
  readonly restored: ReadonlyMap<string, NativeKernel>;
}

/** What a machine has from those who make it. */
export interface Supply {
  readonly languages: readonly Language[];
  /** Those whose kernels run in the machine itself. */
  readonly ownLanguages: readonly NativeLanguage[];
  /** How much a machine may have of everything, in bytes. */
  readonly memory: number;
  /** Nothing is to run any more. */
  readonly stopped: AbortSignal;
  /** The other ones' machine. */
  readonly createBeside: (init: MachineInit) => Machine;
  /** Begins with files that there were, without kernels. */
  readonly begin: (files: MachineState["files"]) => Promise<Begun>;
  readonly startKernel: (agent: Agent, language: NativeLanguage) => Promise<NativeKernel>;
  /** @throws {Uncarried} when what there was cannot be made again */
  readonly keep: (state: MachineState) => Promise<Checkpoint>;
}
