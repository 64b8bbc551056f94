import { readBody } from "../http.ts";
import { resolvePath } from "../machine/file_path.ts";
import { FileError, type Files } from "../machine/files.ts";
import type { Signal } from "../machine/machine.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import type { Listener } from "./audience.ts";
import { ConnectError } from "./connect_error.ts";
import { readMessage, streamResponse } from "./connect_stream.ts";
import { inputMessage, selectMessage, signalMessage, startMessage } from "./process_message.ts";
import type { ProcessEvent } from "./process_event.ts";
import { eventsOf, type StreamOptions, streamOptions } from "./process_stream.ts";
import { callerOf, type User } from "./user.ts";
import { Processes } from "./processes.ts";
import type { RunningProcess } from "./running_process.ts";

const BODY_LIMIT = 16 * 1024 * 1024;

const NO_PTY = "the local sandbox has no pseudo-terminals: run commands without one";

const processesOf = new WeakMap<Sandbox, Processes>();

/** What envd's service `process.Process` answers: commands, their output and their input. */
export async function callProcess(method: string, request: Request, sandbox: Sandbox): Promise<Response> {
  const processes = knownOf(sandbox);
  switch (method) {
    case "Start":
      return await start(request, sandbox, processes);
    case "Connect": {
      const { process } = await readMessage(request, selectMessage, BODY_LIMIT);
      const found = processes.find(process);
      return follow(found, found.listen(), streamOptions(request.headers), sandbox);
    }
    case "List":
      return Response.json({ processes: processes.list() });
    case "SendInput": {
      const { process, input } = await readBody(request, inputMessage, BODY_LIMIT);
      const found = processes.find(process);
      if (!("stdin" in input)) {
        throw new ConnectError("internal", "error writing to tty: tty not assigned to process");
      }
      await found.write(input.stdin);
      return Response.json({});
    }
    case "CloseStdin": {
      const { process } = await readBody(request, selectMessage, BODY_LIMIT);
      await processes.find(process).closeInput();
      return Response.json({});
    }
    case "SendSignal": {
      const { process, signal } = await readBody(request, signalMessage, BODY_LIMIT);
      processes.find(process).kill(signalOf(signal));
      return Response.json({});
    }
    case "Update":
      throw new ConnectError("unimplemented", NO_PTY);
    default:
      throw new ConnectError("unimplemented", `process.Process/${method} is not supported by the local sandbox`);
  }
}

/** As in envd, the client's time-out is the program's, too: it is killed then, whoever listens. */
async function start(request: Request, sandbox: Sandbox, processes: Processes): Promise<Response> {
  const user = callerOf(request);
  const options = streamOptions(request.headers);
  const asked = await readMessage(request, startMessage, BODY_LIMIT);
  if (asked.pty !== undefined) throw new ConnectError("unimplemented", NO_PTY);
  const cwd = await cwdOf(asked.process.cwd, user, sandbox.machine.files);
  const process = await processes.start(asked, cwd, user, options.timeoutMs);
  return follow(process, process.starter, { ...options, timeoutMs: undefined }, sandbox);
}

function follow(
  { pid }: RunningProcess,
  listener: Listener<ProcessEvent>,
  options: StreamOptions,
  sandbox: Sandbox,
): Response {
  return streamResponse((signal) => eventsOf(pid, listener, options, signal), sandbox.connections);
}

/** The user's home unless a client names a folder; `/` for a user who has none here. */
async function cwdOf(given: string | undefined, user: User, files: Files): Promise<string> {
  const cwd = given ? resolvePath(given) : user.home;
  try {
    const { kind } = await files.stat(cwd);
    if (kind === "file") throw new ConnectError("invalid_argument", `cwd '${cwd}' is not a directory`);
    return cwd;
  } catch (error) {
    // Where the files of a machine do not reach, its programs may.
    if (!(error instanceof FileError)) throw error;
    if (error.reason !== "missing") return cwd;
    if (!given) return "/";
    throw new ConnectError("invalid_argument", `cwd '${cwd}' does not exist`);
  }
}

/** Protobuf has names for them, and numbers. */
function signalOf(signal: string | number): Signal {
  switch (signal) {
    case "SIGNAL_SIGKILL":
    case 9:
      return "SIGKILL";
    case "SIGNAL_SIGTERM":
    case 15:
      return "SIGTERM";
    default:
      throw new ConnectError("unimplemented", `invalid signal: ${signal}`);
  }
}

function knownOf(sandbox: Sandbox): Processes {
  const known = processesOf.get(sandbox) ?? new Processes(sandbox);
  processesOf.set(sandbox, known);
  return known;
}
