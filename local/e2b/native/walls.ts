import { bootCode } from "./sources.ts";

export const PYTHON = "/usr/bin/python3";

/** In bytes, unless they count something. */
export const LIMITS = {
  /** Of all that runs in a sandbox and all its files. */
  memory: 1024 ** 3,
  addresses: 4 * 1024 ** 3,
  file: 512 * 1024 ** 2,
  processes: 256,
  descriptors: 1024,
} as const;

export type Limits = Readonly<Record<keyof typeof LIMITS, number>>;

/** An account that may do nothing on this machine: root's own would be exempt from the limit of processes. */
const NOBODY = { uid: 65534, gid: 65534 } as const;

/** A folder that only the sandbox has, gone with it. */
const folder = (path: string, bytes: number) => ["--size", String(Math.floor(bytes)), "--tmpfs", path];

/** What a program here looks up in `/etc`, of Debian and its like. */
const SETTINGS = [
  "alternatives",
  "fonts",
  "ld.so.cache",
  "ld.so.conf",
  "ld.so.conf.d",
  "matplotlibrc",
  "R",
  "ssl/certs",
  "ssl/openssl.cnf",
];

/** What Linux tells of the machine to everybody, and no program of a sandbox has to know. */
const HIDDEN = [
  ...[
    "buddyinfo",
    "cmdline",
    "config.gz",
    "consoles",
    "devices",
    "diskstats",
    "dma",
    "execdomains",
    "fb",
    "interrupts",
  ],
  ...["iomem", "ioports", "kallsyms", "kcore", "key-users", "keys", "kmsg", "kpagecgroup", "kpagecount", "kpageflags"],
  ...["latency_stats", "locks", "misc", "modules", "mtrr", "pagetypeinfo", "partitions", "sched_debug", "schedstat"],
  ...["slabinfo", "softirqs", "swaps", "timer_list", "vmallocinfo", "zoneinfo", "sys/kernel/random/boot_id"],
];
/** What whoever keeps the machine has put there for its own programs, e.g. npm's tokens. */
const LOCAL_FOLDERS = ["/usr/local/etc", "/usr/local/src", "/usr/src"];
const HIDDEN_FOLDERS = ["acpi", "asound", "bus", "driver", "dynamic_debug", "fs", "irq", "pressure", "scsi", "tty"];

function walls({ memory }: Limits): string[] {
  return [
    "--unshare-all",
    "--unshare-user",
    // No namespace inside of which a program would be root again.
    "--disable-userns",
    ...["--cap-drop", "ALL"],
    "--die-with-parent",
    "--new-session",
    "--as-pid-1",
    ...["--uid", "1000", "--gid", "1000"],
    "--clearenv",
    ...["--hostname", "e2b.local"],
    ...["--ro-bind", "/usr", "/usr"],
    ...["bin", "lib", "lib32", "lib64", "sbin"].flatMap((name) => ["--symlink", `usr/${name}`, `/${name}`]),
    ...["--dev", "/dev", "--proc", "/proc"],
    // Some of it, e.g. how many semaphores there may be, is a namespace's own to change.
    ...["--ro-bind", "/proc/sys", "/proc/sys"],
    ...(covers ??= coverHidden()),
    // Together less than all of a sandbox may have: with its disks full, its programs still have room to run.
    ...folder("/dev/shm", memory / 8),
    ...folder("/etc", 1024 ** 2),
    ...SETTINGS.flatMap((name) => ["--ro-bind-try", `/etc/${name}`, `/etc/${name}`]),
    ...folder("/tmp", memory / 8),
    ...folder("/root", memory / 32),
    ...folder("/home/user", memory / 2),
    ...["/", "/dev"].flatMap((path) => ["--remount-ro", path]),
    ...["--chdir", "/home/user"],
  ];
}

/** Over what is hidden of this machine: the same for each sandbox. */
let covers: string[] | undefined;

function coverHidden(): string[] {
  const folders = [...LOCAL_FOLDERS, ...HIDDEN_FOLDERS.map((name) => `/proc/${name}`)];
  return [
    ...HIDDEN.map((name) => `/proc/${name}`).filter(isHere).flatMap((path) => ["--ro-bind", "/dev/null", path]),
    ...folders.filter(isHere).flatMap((path) => ["--tmpfs", path, "--remount-ro", path]),
  ];
}

function isHere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    // This machine's kernel has none such, or hides it from the server, too.
    return false;
  }
}

/**
 * The first process of a sandbox of its own: Linux namespaces without a network, without capabilities, with a system
 * that is read-only and files in memory. It takes its program from its standard input, and ends when that is closed.
 */
export async function walledAgent(limits: Limits): Promise<Deno.Command> {
  return walled([PYTHON, "-I", "-S", "-c", await bootCode(), JSON.stringify({ limits })], "piped", limits);
}

/** A program that is a sandbox's first process. */
export function walled(
  program: readonly string[],
  stdin: "piped" | "null",
  limits: Limits = LIMITS,
): Deno.Command {
  return new Deno.Command("bwrap", {
    args: [...walls(limits), ...program],
    cwd: "/",
    clearEnv: true,
    env: { PATH: "/usr/bin:/bin", LANG: "C.UTF-8" },
    ...(Deno.uid() === 0 ? NOBODY : {}),
    stdin,
    stdout: "piped",
    stderr: "piped",
  });
}

/** What the programs of a sandbox find around them, as in E2B's template. */
export const ENVIRONMENT = {
  HOME: "/home/user",
  USER: "user",
  LOGNAME: "user",
  SHELL: "/bin/bash",
  PATH: "/home/user/.local/bin:/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin",
  LANG: "C.UTF-8",
} as const;
