/** Pyodide's lock file: the packages that were built for it, what each needs, and the digest of each wheel. */

import { z } from "zod";

const Package = z.object({
  name: z.string(),
  version: z.string(),
  file_name: z.string().regex(/^[\w.+!-]+$/),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  depends: z.array(z.string()),
  imports: z.array(z.string()),
});
const Lock = z.object({ packages: z.record(z.string(), Package) });

export type Package = z.infer<typeof Package>;
/** By name, as PyPI normalises it. */
export type PackageLock = ReadonlyMap<string, Package>;

/** @throws {z.ZodError} for what is no lock file */
export async function readPackageLock(file: URL | string): Promise<PackageLock> {
  const { packages } = Lock.parse(JSON.parse(await Deno.readTextFile(file)));
  return new Map(Object.entries(packages));
}

export class UnknownPackage extends Error {
  constructor(name: string) {
    super(`Pyodide has no package ${name}`);
  }
}

/**
 * Packages with all that they need, each once.
 * @throws {UnknownPackage}
 */
export function withNeeds(lock: PackageLock, names: readonly string[]): Package[] {
  const found = new Map<string, Package>();
  const add = (name: string) => {
    const key = name.replaceAll(/[-_.]+/g, "-").toLowerCase();
    if (found.has(key)) return;
    const known = lock.get(key);
    if (known === undefined) throw new UnknownPackage(name);
    found.set(key, known);
    known.depends.forEach(add);
  };
  names.forEach(add);
  return [...found.values()];
}
