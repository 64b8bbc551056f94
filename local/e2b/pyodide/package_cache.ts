/** The wheels that were fetched: files of one folder, each under the name that the lock file has for it. */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PYODIDE_URL, PYODIDE_VERSION } from "./isolation.ts";
import type { Package, PackageLock } from "./package_lock.ts";
import { writeWhole } from "./whole_file.ts";

/** What copilots' code imports most. */
export const COMMON_PACKAGES = ["numpy", "pandas", "matplotlib"] as const;

/** Where Pyodide publishes the wheels of this version. */
export const PUBLISHED = `https://cdn.jsdelivr.net/pyodide/v${PYODIDE_VERSION}/full/`;

/** The lock file of the `pyodide` package. */
export const PYODIDE_LOCK = fileURLToPath(new URL("pyodide-lock.json", PYODIDE_URL));

const DOWNLOAD_LIMIT_MS = 10 * 60 * 1000;

/** Where the wheels for this version of Pyodide are kept. */
export function packagesDirectory(cacheDirectory: string): string {
  return join(cacheDirectory, `packages-${PYODIDE_VERSION}`);
}

export class PackageNotFetched extends Error {}

/**
 * Fetches the wheels that are not in the folder yet, or not as the lock file has them. A wheel is there whole or not at
 * all, also while others fetch the same.
 *
 * @param from a URL with a final slash
 * @returns those that were fetched
 * @throws {PackageNotFetched} after those that could be fetched are there
 */
export async function fetchPackages(
  packages: readonly Package[],
  { from, into, onFetched }: { from: string; into: string; onFetched: (fetched: Package) => void },
): Promise<Package[]> {
  await Deno.mkdir(into, { recursive: true });
  const missing: Package[] = [];
  for (const each of packages) if (!await isSound(join(into, each.file_name), each)) missing.push(each);
  const outcomes = await Promise.allSettled(missing.map(async (each) => {
    const wheel = await download(each, new URL(each.file_name, from));
    await writeWhole(join(into, each.file_name), (draft) => Deno.writeFile(draft, wheel));
    onFetched(each);
  }));
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  return missing;
}

/** The paths of the wheels that are there, by package. Whether they are sound is for whoever unpacks them to see. */
export async function fetchedPackages(lock: PackageLock, directory: string): Promise<Record<string, string>> {
  const names = new Set<string>();
  try {
    for await (const { name, isFile } of Deno.readDir(directory)) if (isFile) names.add(name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const there = [...lock].filter(([_name, { file_name }]) => names.has(file_name));
  return Object.fromEntries(there.map(([name, { file_name }]) => [name, join(directory, file_name)]));
}

async function download({ name, sha256 }: Package, url: URL): Promise<Uint8Array> {
  const bytes = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_LIMIT_MS) }).then(async (response) => {
    if (response.ok) return await response.bytes();
    await response.body?.cancel();
    throw new Error(`HTTP ${response.status}`);
  }).catch((error: unknown) => {
    throw new PackageNotFetched(`${name} could not be fetched from ${url}: ${messageOf(error)}`);
  });
  const digest = await digestOf(bytes);
  if (digest === sha256) return bytes;
  throw new PackageNotFetched(`${name} from ${url} is not what the lock file says: SHA-256 ${digest}, not ${sha256}`);
}

async function isSound(path: string, { sha256 }: Package): Promise<boolean> {
  try {
    return await digestOf(await Deno.readFile(path)) === sha256;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
