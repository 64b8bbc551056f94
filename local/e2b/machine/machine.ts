/** What a sandbox is made of, whatever it runs on: files, commands and kernels behind one wall. */

import type { KernelProcess } from "../kernel/kernel_process.ts";
import type { Files } from "./files.ts";
import type { Language } from "./language.ts";

export interface Machine {
  /** Those of its kind. */
  readonly languages: readonly Language[];
  readonly files: Files;
  /**
   * Starts a program.
   * @throws {HttpError} 501 where there can be none, with words that say why
   */
  spawn(program: Program): Promise<Child>;
  /** Starts an interpreter that waits for a cell. Rejects when it cannot start. */
  startKernel(kernel: KernelOptions): Promise<KernelProcess>;
  /**
   * Stops everything that runs in it, and keeps its memory; nothing is started until `resume`. Waits for what is starting.
   * When it rejects, everything runs as before. Only for machines of those that `canPause`.
   */
  pause(): Promise<void>;
  /** Lets everything go on where it stopped. */
  resume(): Promise<void>;
  /**
   * What all of it is at one moment, for others that go on from there; it goes on itself, also when this rejects. First it
   * looks whether there is something that cannot be carried; then nothing is started any more, and `quiet` is called,
   * which resolves when no cell runs.
   * @throws {HttpError} 501 when something in it cannot be carried, with words that name it; what `quiet` throws
   */
  checkpoint(quiet: () => Promise<void>): Promise<Checkpoint>;
}

/** What a machine was at one moment. As long as it is held, any number of others can be made of it. */
export interface Checkpoint {
  /** How much of the server's memory it takes. */
  readonly bytes: number;
  /** Files are there at once; a kernel goes on with its variables when it is started under the name that it had. */
  restore(init: MachineInit): Machine;
}

/** Makes the machines of a server, all of one kind. */
export interface Machines {
  /** The languages that there are kernels for. */
  readonly languages: readonly Language[];
  /** Whether this system can stop a program and let it go on. */
  readonly canPause: boolean;
  /** Nothing of it is started before it is used. */
  create(init: MachineInit): Machine;
  /** Resolves when nothing is left of the machines that have ended. */
  allEnded(): Promise<void>;
}

export interface MachineInit {
  /** The variables of everything that runs in it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Ends the machine, and all that runs in it. */
  readonly end: AbortSignal;
  /** Hears that the machine has ended by itself: nothing that was in it comes back. */
  readonly onLost: () => void;
}

export interface KernelOptions {
  /** Names it, for machines that go on where this one was. */
  readonly id: string;
  /** Whether it begins anew, also where it could go on. */
  readonly isFresh: boolean;
  readonly language: Language;
  readonly cwd: string;
}

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  /** Over those of the machine. */
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Whom it believes to run as; the sandbox's own user unless given. */
  readonly user?: UserName;
}

/** The users that E2B's template has. */
export type UserName = "user" | "root";

/** A program that runs in a machine: as much of `Deno.ChildProcess` as is needed of it. */
export interface Child {
  /** In the eyes of the machine's other programs. */
  readonly pid: number;
  readonly stdin: WritableStream<Uint8Array<ArrayBufferLike>>;
  /** Nothing is read ahead of who reads it, so a program that says too much waits. */
  readonly stdout: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly stderr: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Resolves when the program has ended and its output was handed on. */
  readonly status: Promise<ChildStatus>;
  /** Does nothing when it has ended. */
  kill(signal: Signal): void;
}

export interface ChildStatus {
  readonly code: number;
  readonly signal: string | null;
}

export type Signal = "SIGINT" | "SIGTERM" | "SIGKILL";
