import { HttpError } from "../../http.ts";
import type { Files } from "../../machine/files.ts";
import type { Child, MachineInit, Program } from "../../machine/machine.ts";
import { commandChild, type CommandResult } from "./command_child.ts";
import type { Shell } from "./shell.ts";
import { ShellFiles } from "./shell_files.ts";

/** Each is a process of some 100 MB. */
const MAX_AT_ONCE = 8;
/** How long one that has nothing to do is kept. */
const IDLE_MS = 60_000;
const FIRST_PID = 300;
/** What bash answers when it cannot go on. */
const FAILED = 1;

/** Resolves to a shell that waits for a command. */
export type StartShell = (files: ShellFiles) => Promise<Shell>;

/**
 * The commands of a machine without programs: each runs in a bash that is none (just-bash), in a process of its own
 * while it lasts. One that has nothing to do is kept a while for the next command, which knows nothing of the one before.
 */
export class Shells {
  readonly #start: StartShell;
  readonly #files: ShellFiles;
  readonly #environment: MachineInit["environment"];
  #idle: IdleShell | undefined;
  #busy = 0;
  #nextPid = FIRST_PID;

  /** @param modes those of files that commands have set before */
  constructor(
    files: Files,
    environment: MachineInit["environment"],
    start: StartShell,
    modes: ReadonlyMap<string, number> = new Map(),
  ) {
    this.#files = new ShellFiles(files, modes);
    this.#environment = environment;
    this.#start = start;
  }

  /** Whether a command runs, or is about to. */
  get isBusy(): boolean {
    return this.#busy > 0;
  }

  /** Those of files that commands have set. */
  modes(): ReadonlyMap<string, number> {
    return this.#files.modes();
  }

  /**
   * Starts a command.
   * @throws {HttpError} 501 for another program than a bash that is given its script; 507 when too many run
   */
  async spawn({ command, args, environment, cwd, user = "user" }: Program): Promise<Child> {
    const script = scriptOf(command, args);
    if (this.#busy >= MAX_AT_ONCE) {
      throw new HttpError(507, `a local sandbox without real programs runs at most ${MAX_AT_ONCE} commands at once`);
    }
    this.#busy++;
    const shell = await this.#take().catch((error) => {
      this.#busy--;
      throw error;
    });
    const pid = this.#nextPid++;
    const run = {
      script,
      cwd,
      environment: { ...this.#environment, ...environment },
      pid,
      user,
    };
    const child = commandChild(
      pid,
      (stdin) => shell.run(run, stdin).then(resultOf, failureOf),
      () => shell.kill("The command was killed."),
    );
    child.status.then(() => this.#giveBack(shell));
    return child;
  }

  async #take(): Promise<Shell> {
    const idle = this.#idle;
    this.#idle = undefined;
    clearTimeout(idle?.timer);
    if (idle?.shell.isUsable) return idle.shell;
    const shell = await this.#start(this.#files);
    shell.exited.then(() => {
      if (this.#idle?.shell === shell) clearTimeout(this.#idle.timer);
    });
    return shell;
  }

  #giveBack(shell: Shell): void {
    this.#busy--;
    if (!shell.isUsable) return;
    const leave = () => shell.kill("The shell had nothing to do.");
    if (this.#idle?.shell.isUsable) return leave();
    clearTimeout(this.#idle?.timer);
    this.#idle = { shell, timer: setTimeout(leave, IDLE_MS) };
  }
}

interface IdleShell {
  readonly shell: Shell;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** What bash is told to run: `bash -c SCRIPT`, with or without `-l`, which is what the SDKs start. */
function scriptOf(command: string, args: readonly string[]): string {
  const [flags, script, ...more] = args[0] === "-l" ? args.slice(1) : args;
  const isBash = /^(?:\/(?:usr\/)?bin\/)?(?:ba)?sh$/.test(command);
  if (isBash && /^-l?cl?$/.test(flags ?? "") && script !== undefined && more.length === 0) return script;
  throw new HttpError(501, "a local sandbox without real programs runs nothing but `bash -c`, which commands.run does");
}

function resultOf({ code, stdout, stderr }: Omit<CommandResult, "signal">): CommandResult {
  return { code, signal: null, stdout, stderr };
}

/** The shell's process ended, and its command with it. */
function failureOf(error: unknown): CommandResult {
  const words = `bash: ${error instanceof Error ? error.message : error}\n`;
  return { code: FAILED, signal: null, stdout: new Uint8Array(), stderr: new TextEncoder().encode(words) };
}
