/**
 * The processes that lead from `npx -y deno task …` to this one: npx, a shell, npm's `deno`, and `deno task`. When one
 * of them dies, the one who asked for this process is gone, whatever the others make of it: npm passes some signals on,
 * and nothing passes SIGKILL on.
 */

/** A look starts a process or more where there is no `/proc`. */
const LOOK_EVERY_MS = Deno.build.os === "linux" ? 300 : 2000;

/** Command lines that do nothing but run another one. npm and npx call themselves `npm exec …` or `npm run …`. */
const RUNNERS = [
  /^npm /,
  /(^|\/)node .*(npx|npm)(-cli\.js)?( |$)/,
  /(^|\/)node .*\/(\.bin\/deno|deno\/bin\.cjs)( |$)/,
  /(^|\/)deno task( |$)/,
];

/** What npm starts a command by. Without npm it is anybody's, who may have put this process into the background. */
const SHELL = /(^|\/)sh -c /;

/** Who gets the children of those that have ended. */
const ADOPTER = /(^|\/)(systemd|init)( |$)/;

/** A process and who started it. */
interface Process {
  readonly parent: number;
  readonly command: string;
}

/**
 * Calls `onGone` once when one of the processes that run this one has ended. Does nothing for a process that was started
 * in another way: in the background, for example, whoever started it may end.
 * @returns stops looking
 */
export async function watchRunners(onGone: () => void): Promise<() => void> {
  const { links, isOrphan } = await runnersOf(Deno.pid);
  // npm died before we could look.
  if (isOrphan && Deno.env.has("npm_command")) onGone();
  if (links.length === 0 || isOrphan) return () => {};
  let stopped = false;
  const look = async () => {
    for (const { child, parent } of links) {
      // A process whose parent has ended gets another one: a number that was given out again deceives nobody.
      if ((await readProcess(child))?.parent !== parent) return stopped || onGone();
    }
    if (!stopped) timer = setTimeout(look, LOOK_EVERY_MS);
  };
  let timer = setTimeout(look, LOOK_EVERY_MS);
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

interface Runners {
  /** The runners, each with the process that it started: this process's own first. */
  readonly links: readonly { readonly child: number; readonly parent: number }[];
  /** Whether nobody started the last of them: who did has ended. */
  readonly isOrphan: boolean;
}

async function runnersOf(pid: number): Promise<Runners> {
  const links = [];
  let runners = 0;
  let isOrphan = false;
  let child = pid;
  let parent = (await readProcess(pid))?.parent;
  while (parent !== undefined) {
    const started = await readProcess(parent);
    if (started === undefined) break;
    const { command } = started;
    const isRunner = RUNNERS.some((runner) => runner.test(command));
    if (!isRunner && !SHELL.test(command)) {
      isOrphan = parent === 1 || ADOPTER.test(command);
      break;
    }
    links.push({ child, parent });
    if (isRunner) runners = links.length;
    child = parent;
    parent = started.parent;
  }
  return { links: links.slice(0, runners), isOrphan };
}

/** Undefined where there is no such process, or no way to see it. */
async function readProcess(pid: number): Promise<Process | undefined> {
  try {
    if (Deno.build.os === "linux") {
      const status = await Deno.readTextFile(`/proc/${pid}/status`);
      const command = (await Deno.readTextFile(`/proc/${pid}/cmdline`)).replaceAll("\0", " ").trim();
      return { parent: Number(/^PPid:\s*(\d+)$/m.exec(status)?.[1]), command };
    }
    const { code, stdout } = await new Deno.Command("ps", { args: ["-o", "ppid=,command=", "-p", String(pid)] })
      .output();
    const [, parent, command] = /^\s*(\d+)\s+(.*)$/m.exec(new TextDecoder().decode(stdout)) ?? [];
    if (code !== 0 || parent === undefined || command === undefined) return undefined;
    return { parent: Number(parent), command };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || /ESRCH|No such process/.test(String(error))) return undefined;
    throw error;
  }
}
