/** What stays from one start to the next with `--keep`: the database's files, its password, the key that signs tokens. */

import type { JWK } from "jose";
import { join } from "node:path";
import { z } from "zod";
import { removeIfThere } from "./remove.ts";
import { makeSigningKey } from "./tokens.ts";

const Secrets = z.object({
  database_password: z.string().min(1),
  signing_key: z.looseObject({
    kty: z.literal("EC"),
    crv: z.string(),
    x: z.string(),
    y: z.string(),
    d: z.string(),
    kid: z.string(),
  }),
});
const Holder = z.object({ pid: z.int() });

export interface Kept {
  readonly databasePassword: string;
  readonly signingKey: JWK;
  /** For `startPostgres`. */
  readonly dataDirectory: string;
  /** Lets another stack have it. */
  readonly close: () => void;
}

/** Thrown when another stack has it open. */
export class KeptInUse extends Error {
  constructor(readonly pid: number | undefined) {
    super(`A stack that keeps its data runs already${pid === undefined ? "" : `, as process ${pid}`}`);
  }
}

export interface OpenOptions {
  /** Deletes what was kept, first. */
  readonly reset?: boolean;
}

/**
 * Opens what is kept in a directory, for this process alone, and makes what is not there yet.
 * @throws {KeptInUse} when another process has it open; nothing is changed then
 */
export async function openKept(directory: string, { reset = false }: OpenOptions = {}): Promise<Kept> {
  // Others who log in to this machine have no business in it. Postgres under another account only needs to pass through.
  await Deno.mkdir(directory, { recursive: true, mode: 0o711 });
  const lock = await takeLock(join(directory, "lock"));
  try {
    const dataDirectory = join(directory, "postgres");
    const secretsFile = join(directory, "secrets.json");
    const old = `${dataDirectory}.old`;
    // Of a reset that was killed.
    await removeIfThere(old);
    if (reset) {
      // First out of the way: half a cluster would be taken for one.
      await renameIfThere(dataDirectory, old);
      await removeIfThere(old);
      await removeIfThere(secretsFile);
    }
    const secrets = await readSecrets(secretsFile) ?? await makeSecrets(secretsFile);
    return {
      databasePassword: secrets.database_password,
      signingKey: secrets.signing_key,
      dataDirectory,
      close: () => lock.close(),
    };
  } catch (error) {
    lock.close();
    throw error;
  }
}

/** The operating system lets go of a lock when its process dies, however it dies: none is ever stale. */
async function takeLock(file: string): Promise<Deno.FsFile> {
  const lock = await Deno.open(file, { read: true, write: true, create: true, mode: 0o600 });
  try {
    if (!await lock.tryLock(true)) throw new KeptInUse(await readHolder(file));
    await lock.truncate();
    await lock.write(new TextEncoder().encode(JSON.stringify({ pid: Deno.pid } satisfies z.infer<typeof Holder>)));
    return lock;
  } catch (error) {
    lock.close();
    throw error;
  }
}

async function readHolder(file: string): Promise<number | undefined> {
  try {
    return Holder.safeParse(JSON.parse(await Deno.readTextFile(file))).data?.pid;
  } catch (error) {
    // It is just being written.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function readSecrets(file: string): Promise<z.infer<typeof Secrets> | undefined> {
  try {
    return Secrets.parse(JSON.parse(await Deno.readTextFile(file)));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new Error(`${file} is damaged: start with --reset, which deletes all that was kept`, { cause: error });
  }
}

/** Written before the database is made: a database whose password nobody knows would be good for nothing. */
async function makeSecrets(file: string): Promise<z.infer<typeof Secrets>> {
  const secrets = Secrets.parse({ database_password: crypto.randomUUID(), signing_key: await makeSigningKey() });
  const draft = `${file}.draft`;
  await removeIfThere(draft);
  await Deno.writeTextFile(draft, JSON.stringify(secrets), { mode: 0o600, createNew: true });
  await Deno.rename(draft, file);
  return secrets;
}

async function renameIfThere(path: string, to: string): Promise<void> {
  try {
    await Deno.rename(path, to);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
