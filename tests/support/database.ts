/**
 * Databases for tests. `deno task test` starts one cluster for all files, in which each of them gets a copy of a
 * migrated database; a file that is run by itself starts a cluster of its own.
 */
import { statfs } from "node:fs/promises";
import postgres from "postgres";
import { z } from "zod";
import { migrate } from "../../local/migrate.ts";
import { type Postgres, startPostgres } from "../../local/postgres/postgres.ts";
import { shared } from "./shared.ts";

/** The environment variable by which `deno task test` tells its files of the cluster. */
const VARIABLE = "TEST_CLUSTER";
const TEMPLATE = "migrated";

/** Linux's memory as a folder: there a copy of a database, a thousand files, costs a tenth of what it does on a disk. */
const MEMORY = "/dev/shm";
/** More than all databases of a run have at a time, with the write-ahead log. */
const ENOUGH_BYTES = 4 * 1024 ** 3;

const clusterSchema = z.object({
  /** Connects as a superuser. */
  url: z.url(),
  authenticatorPassword: z.string(),
});
type Cluster = z.infer<typeof clusterSchema>;

/** A cluster with the template in it, and what tells the processes that run tests of it. */
export async function startCluster(): Promise<Postgres & { readonly environment: Record<string, string> }> {
  const server = await startPostgres({
    parent: await hasRoom(MEMORY) ? MEMORY : undefined,
    // For many stacks at once; and none of it is worth a wait for the disk.
    settings: { max_connections: "500", fsync: "off", full_page_writes: "off" },
  });
  try {
    const cluster: Cluster = { url: server.url, authenticatorPassword: crypto.randomUUID() };
    await run(server.url, `create database ${TEMPLATE}`);
    await migrate(urlOf(cluster, TEMPLATE), { authenticatorPassword: cluster.authenticatorPassword });
    return { ...server, environment: { [VARIABLE]: JSON.stringify(cluster) } };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Containers may have next to nothing there. */
async function hasRoom(folder: string): Promise<boolean> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize >= ENOUGH_BYTES;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}

/** Disposing of it leaves nothing of it. */
export interface Database extends AsyncDisposable {
  /** Connects as a superuser. */
  readonly url: string;
  readonly authenticatorPassword: string;
}

/** Makes a database with all migrations, or, on demand, an empty one. */
export async function startDatabase({ isEmpty = false } = {}): Promise<Database> {
  await using parts = new AsyncDisposableStack();
  const environment = Deno.env.get(VARIABLE) ??
    parts.adopt(await startCluster(), ({ stop }) => stop()).environment[VARIABLE];
  const cluster = clusterSchema.parse(JSON.parse(environment));
  const name = `test_${crypto.randomUUID().replaceAll("-", "")}`;
  await run(cluster.url, `create database ${name} template ${isEmpty ? "template1" : TEMPLATE}`);
  parts.defer(() => run(cluster.url, `drop database ${name} with (force)`));
  // From here on they are the caller's to dispose of.
  const kept = parts.move();
  return {
    url: urlOf(cluster, name),
    authenticatorPassword: cluster.authenticatorPassword,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Has a connection closed with the other parts, also one that a failed test left in the middle of something. */
export function connection(parts: AsyncDisposableStack, sql: postgres.Sql): postgres.Sql {
  return parts.adopt(sql, () => sql.end({ timeout: 5 }));
}

/** The migrated database of a file's tests, and a connection to it. */
export function useDatabase(options: postgres.Options<Record<string, never>>): {
  readonly url: string;
  readonly sql: postgres.Sql;
} {
  const made = shared(async (parts) => {
    const { url } = parts.use(await startDatabase());
    return { url, sql: connection(parts, postgres(url, { onnotice: () => {}, ...options })) };
  });
  return {
    get url() {
      return made().url;
    },
    get sql() {
      return made().sql;
    },
  };
}

function urlOf(cluster: Cluster, database: string): string {
  return Object.assign(new URL(cluster.url), { pathname: `/${database}` }).href;
}

async function run(url: string, statement: string): Promise<void> {
  const sql = postgres(url, { max: 1 });
  try {
    await sql.unsafe(statement);
  } finally {
    await sql.end();
  }
}
