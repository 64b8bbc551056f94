/** A cluster: the files of a Postgres server. */

import { dirname, join } from "node:path";
import { type Account, ChildExited, spawnChild } from "../child.ts";
import { removeIfThere } from "../remove.ts";
import { environment } from "./environment.ts";

/** Major version: the files of one are nothing to another. */
const VERSION = "17";

/**
 * Whether there is a cluster in the directory.
 * @throws {Error} when it is of another version
 */
export async function isCluster(data: string): Promise<boolean> {
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
export async function createKeptCluster(
  bin: string,
  directory: string,
  data: string,
  password: string,
  account: Account | undefined,
): Promise<void> {
  await assertReachable(dirname(data), account);
  const draft = `${data}.draft`;
  await removeIfThere(draft);
  await Deno.mkdir(draft, { mode: 0o700 });
  if (account !== undefined) await Deno.chown(draft, account.uid, account.gid);
  await createCluster(bin, directory, draft, password, account);
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

/** @param directory the private one of this start; `data` gets the cluster */
export async function createCluster(
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
