/** What a function loads when it starts: nothing joins it unseen, because each start pays for all of it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { z } from "zod";
import { FUNCTIONS } from "../../local/repository.ts";

/**
 * The npm packages that come with each function, those for `pg` included, which @supabase/server may use and never loads
 * here. The platform makes its bundle of all of them, in whole. `deno task bench:boot` tells what another one costs.
 */
const PACKAGES = [
  "@supabase/auth-js@2.119.1",
  "@supabase/functions-js@2.119.1",
  "@supabase/middleware@0.6.0",
  "@supabase/phoenix@0.4.5",
  "@supabase/postgrest-js@2.119.1",
  "@supabase/realtime-js@2.119.1",
  "@supabase/server@1.8.1",
  "@supabase/storage-js@2.119.1",
  "@supabase/supabase-js@2.119.1",
  "iceberg-js@0.8.1",
  "jose@6.2.18",
  "pg-cloudflare@1.4.1",
  "pg-connection-string@2.14.1",
  "pg-int8@1.0.1",
  "pg-pool@3.14.0",
  "pg-protocol@1.16.1",
  "pg-types@2.2.0",
  "pg@8.23.1",
  "pgpass@1.0.5",
  "postgres-array@2.0.0",
  "postgres-bytea@1.0.1",
  "postgres-date@1.0.7",
  "postgres-interval@1.2.0",
  "split2@4.2.0",
  "std-env@4.3.0",
  "tslib@2.8.1",
  "xtend@4.0.2",
  "zod@4.6.7",
];
/** Most of them, unpacked, in bytes: the same versions have the same size, give or take what a file system counts. */
const PACKAGES_BYTES = 17_000_000;
/** What one function has more than the others. */
const MORE: Record<
  string,
  {
    readonly packages: readonly string[];
    readonly bytes: number;
    readonly modules: number;
    readonly moduleBytes: number;
  }
> = {
  mcp: {
    packages: ["@modelcontextprotocol/core@2.4.0", "@modelcontextprotocol/server@2.4.0"],
    bytes: 8_000_000,
    modules: 25,
    moduleBytes: 45_000,
  },
};
/** Most modules of our own in one function, and their most bytes. */
const MODULES = 75;
const MODULES_BYTES = 262_000;

const dependencySchema = z.object({ specifier: z.string() });
const graphSchema = z.object({
  roots: z.array(z.string()),
  redirects: z.record(z.string(), z.string()),
  modules: z.array(z.object({
    specifier: z.string(),
    size: z.int().default(0),
    npmPackage: z.string().optional(),
    dependencies: z.array(z.object({ code: dependencySchema.optional() })).default([]),
  })),
  npmPackages: z.record(
    z.string(),
    z.object({ name: z.string(), version: z.string(), localPath: z.string(), dependencies: z.array(z.string()) }),
  ),
});

/** What runs of a function's graph: what is imported for its types alone is left out. */
async function readGraph(name: string) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", `${FUNCTIONS}${name}/index.ts`],
    env: { NO_COLOR: "1" },
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const { roots, redirects, modules, npmPackages } = graphSchema.parse(JSON.parse(new TextDecoder().decode(stdout)));
  const bySpecifier = new Map(modules.map((module) => [module.specifier, module]));
  const reached = reachable(
    roots,
    (specifier) =>
      bySpecifier.get(redirects[specifier] ?? specifier)?.dependencies.flatMap(({ code }) => code?.specifier ?? []) ??
        [],
  );
  const running = [...reached].flatMap((specifier) => bySpecifier.get(redirects[specifier] ?? specifier) ?? []);
  const packages = reachable(
    running.flatMap(({ npmPackage }) => npmPackage ?? []),
    (id) => npmPackages[id].dependencies,
  );
  return {
    own: running.filter(({ specifier }) => specifier.startsWith("file:")),
    packages: [...packages].map((id) => npmPackages[id]),
  };
}

function reachable(from: readonly string[], next: (one: string) => readonly string[]): Set<string> {
  const reached = new Set(from);
  // A set's loop comes to what is added to it meanwhile.
  for (const one of reached) for (const other of next(one)) reached.add(other);
  return reached;
}

async function sizeOf(directory: string): Promise<number> {
  let size = 0;
  for await (const entry of Deno.readDir(directory)) {
    const path = join(directory, entry.name);
    if (entry.isDirectory) size += await sizeOf(path);
    else if (entry.isFile) size += (await Deno.stat(path)).size;
  }
  return size;
}

for (const name of ["acquire-context", "execute-code", "mcp", "terminate-context"]) {
  Deno.test(`${name} loads these packages and no others, and not much more than it did`, async () => {
    const { own, packages } = await readGraph(name);
    const more = MORE[name] ?? { packages: [], bytes: 0, modules: 0, moduleBytes: 0 };
    const names = packages.map(({ name, version }) => `${name}@${version}`).sort();
    assert.deepEqual(names, [...PACKAGES, ...more.packages].sort());
    const sizes = await Promise.all(packages.map(({ localPath }) => sizeOf(localPath)));
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    assert(bytes < PACKAGES_BYTES + more.bytes, `the packages have ${bytes} bytes`);
    const ownBytes = own.reduce((sum, { size }) => sum + size, 0);
    assert(
      own.length <= MODULES + more.modules && ownBytes <= MODULES_BYTES + more.moduleBytes,
      `${own.length} modules, ${ownBytes} bytes`,
    );
  });
}
