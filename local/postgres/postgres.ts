/** A Postgres 17 of the stack's own, in a private directory that goes when it stops; its data may be kept elsewhere. */

import { join } from "node:path";
import { type Account, type Child, ChildExited, spawnChild } from "../child.ts";
import { LOOPBACK, onFreePorts } from "../port.ts";
import { removeIfThere } from "../remove.ts";
import { createCluster, createKeptCluster, isCluster } from "./cluster.ts";
import { environment, serverAccount } from "./environment.ts";
import { installPackage } from "./installation.ts";

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
  /** Where its private directory is made; by default where temporary files are. */
  readonly parent?: string;
  /** More server settings. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface Postgres {
  /** Connects as the superuser `postgres`. */
  readonly url: string;
  /** Shuts down without waiting for clients, and removes all files but kept ones. Idempotent. */
  readonly stop: () => Promise<void>;
}

/** How long the Postgres of a stack that was killed may take to end. */
const ENDS_WITHIN_MS = 15_000;

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
  const directory = await Deno.makeTempDir({ dir: options.parent, prefix: "local-postgres-" });
  try {
    if (account !== undefined) await Deno.chown(directory, account.uid, account.gid);
    options.onProgress?.("Postgres: creating a cluster");
    const bin = join(options.installation ?? await installPackage(directory, account), "bin");
    const data = options.kept?.dataDirectory ?? join(directory, "data");
    const password = options.kept?.databasePassword ?? crypto.randomUUID();
    if (options.kept === undefined) await createCluster(bin, directory, data, password, account);
    else if (!await isCluster(data)) await createKeptCluster(bin, directory, data, password, account);
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
            // The leash may have been faster.
            await removeIfThere(directory);
          },
        };
      }));
  } catch (error) {
    await removeIfThere(directory);
    throw error;
  }
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
