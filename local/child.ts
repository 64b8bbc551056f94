/** A child process: its lines, the tail of its log, and its end. */

const LOG_LINES = 200;
const STOP_GRACE_MS = 10_000;

/**
 * Runs a command that ends when standard input closes. Stopping it and the death of this process, SIGKILL included,
 * are then one and the same event, so nothing is left behind in either case. A directory is removed only after such
 * an end: a command that ended by itself may be tried again in it.
 *
 * `$1` is the signal that ends the command, `$2` the directory to remove or an empty string, the rest the command.
 */
const LEASH = `
signal=$1 directory=$2
shift 2
exec 3<&0
"$@" </dev/null 3<&- &
command=$!
( read -r _ <&3; kill -s "$signal" "$command"; exit 0 ) &
guard=$!
wait "$command"
code=$?
kill "$guard" 2>/dev/null
if wait "$guard" && [ -n "$directory" ]; then rm -rf "$directory"; fi
exit "$code"
`;

/** How to hold a command that does not watch its standard input itself. */
export interface Leash {
  /** The signal by which the command shuts down in an orderly way. */
  readonly signal: "INT" | "TERM";
  /** Removed after the command was told to end. */
  readonly directory?: string;
}

export interface ChildOptions {
  /** What error messages call it. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly account?: Account;
  /** Needed for a command that does not end by itself when its standard input closes. */
  readonly leash?: Leash;
  /** Stays in this process's group, and ends when the group is killed. */
  readonly sharesGroup?: boolean;
  readonly onLine?: (line: string) => void;
}

/** A system account to run a child under. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

export interface Child {
  readonly pid: number;
  /** Settles when the process is gone and its last line was read. Never rejects. */
  readonly exited: Promise<Deno.CommandStatus>;
  /**
   * The first line, of those already printed or still to come, that `match` makes something of.
   * @throws {ChildExited} when the process ends before it printed one
   */
  line<T>(match: (line: string) => T | undefined): Promise<T>;
  /** Writes a line to its standard input. Does nothing when it has ended. A command on a leash must not be sent any. */
  send(line: string): Promise<void>;
  /** The last lines it printed, on either stream. */
  log(): string;
  /** Ends it in an orderly way, or with SIGKILL when it takes more than ten seconds. Idempotent. */
  stop(): Promise<void>;
  /** Ends it with SIGKILL, as a crash would. Idempotent. */
  kill(): Promise<void>;
}

/** Thrown when a child ended though it was still needed. */
export class ChildExited extends Error {
  override readonly name = "ChildExited";

  constructor(readonly child: string, readonly status: Deno.CommandStatus, readonly log: string) {
    const how = status.signal === null ? `exit code ${status.code}` : status.signal;
    super(`${child} ended (${how})${log === "" ? "" : `. Its last lines:\n${log}`}`);
  }
}

/**
 * Starts a child in a session of its own, so that Ctrl-C reaches this process alone and the order of stopping is ours.
 * @throws {Deno.errors.NotFound} when there is no such command
 */
export function spawnChild(options: ChildOptions): Child {
  const [command, args] = options.leash === undefined ? [options.command, [...options.args]] : [
    "/bin/sh",
    ["-c", LEASH, "leash", options.leash.signal, options.leash.directory ?? "", options.command, ...options.args],
  ];
  const process = new Deno.Command(command, {
    args,
    cwd: options.cwd,
    clearEnv: true,
    env: { ...options.env },
    ...options.account,
    detached: !options.sharesGroup,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();

  const recent: string[] = [];
  const waiting = new Set<(line: string) => void>();
  const read = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    for await (const line of lines(stream)) {
      recent.push(line);
      if (recent.length > LOG_LINES) recent.shift();
      for (const look of waiting) look(line);
      options.onLine?.(line);
    }
  };
  const log = () => recent.join("\n");
  const output = Promise.all([read(process.stdout), read(process.stderr)]);
  const exited = process.status.then(async (status) => {
    await output;
    return status;
  });

  const input = process.stdin.getWriter();
  let stopping: Promise<void> | undefined;
  const end = () => killNow(options.sharesGroup ? process.pid : -process.pid);
  const kill = async () => {
    end();
    await exited;
  };
  const stop = async () => {
    // A pipe that nobody reads any more cannot be closed, and need not.
    await input.close().catch(() => {});
    const timer = setTimeout(end, STOP_GRACE_MS);
    await exited;
    clearTimeout(timer);
  };

  return {
    pid: process.pid,
    exited,
    line: (match) =>
      new Promise((resolve, reject) => {
        const look = (line: string) => {
          const found = match(line);
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        recent.forEach(look);
        exited.then((status) => {
          waiting.delete(look);
          reject(new ChildExited(options.name, status, log()));
        });
      }),
    send: async (line) => {
      try {
        await input.write(new TextEncoder().encode(`${line}\n`));
      } catch (error) {
        if (!(error instanceof Deno.errors.BrokenPipe || error instanceof TypeError)) throw error;
      }
    },
    log,
    stop: () => stopping ??= stop(),
    kill,
  };
}

/**
 * SIGKILL to a process; or, by the negative of its number, to it and all it started: a child leads a process group of
 * its own, unless it shares ours.
 */
function killNow(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    // It has ended meanwhile, which is what was wanted.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** What a process prints, line by line. */
export async function* lines(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
  if (rest !== "") yield rest;
}
