import type { z } from "zod";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { ConnectError } from "./connect_error.ts";
import type { User } from "./user.ts";
import type { processSelector, startMessage } from "./process_message.ts";
import { RunningProcess } from "./running_process.ts";

type StartMessage = z.infer<typeof startMessage>;
type Selector = z.infer<typeof processSelector>;

interface Known {
  readonly process: RunningProcess;
  readonly asked: StartMessage;
}

/** The programs that clients started in a sandbox, and that have not ended. */
export class Processes {
  readonly #sandbox: Sandbox;
  readonly #running = new Map<number, Known>();

  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
  }

  /**
   * Starts a program as `user`; its variables are those of the request over the user's. When the sandbox has run for
   * `timeoutMs` more, if given, it is killed.
   * @throws {HttpError} where the machine has none such
   */
  async start(
    asked: StartMessage,
    cwd: string,
    user: User,
    timeoutMs: number | undefined,
  ): Promise<RunningProcess> {
    const { cmd, args, envs } = asked.process;
    const child = await this.#sandbox.machine.spawn({
      command: cmd,
      args,
      environment: { HOME: user.home, USER: user.name, LOGNAME: user.name, ...envs },
      cwd,
      user: user.name,
    });
    const callOff = timeoutMs === undefined ? undefined : this.#sandbox.afterAwake(timeoutMs, () => process.expire());
    const process = new RunningProcess(child, {
      // Those who leave it out know the first envd, which gave every program one.
      stdin: asked.stdin ?? true,
      onEnd: () => {
        callOff?.();
        this.#running.delete(child.pid);
      },
    });
    this.#running.set(child.pid, { process, asked });
    return process;
  }

  /** @throws {ConnectError} `not_found` */
  find(selector: Selector): RunningProcess {
    const found = "pid" in selector
      ? this.#running.get(selector.pid)
      : [...this.#running.values()].find(({ asked }) => asked.tag === selector.tag);
    if (found !== undefined) return found.process;
    const which = "pid" in selector ? `pid ${selector.pid}` : `tag ${selector.tag}`;
    throw new ConnectError("not_found", `process with ${which} not found`);
  }

  /** Protobuf's `ProcessInfo` of each. */
  list() {
    return Array.from(this.#running, ([pid, { asked }]) => ({ pid, tag: asked.tag, config: asked.process }));
  }
}
