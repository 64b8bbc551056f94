/** `deno task packages`: what Pyodide's kernels may import besides the standard library, from its own publisher. */

import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  COMMON_PACKAGES,
  fetchPackages,
  PackageNotFetched,
  packagesDirectory,
  PUBLISHED,
  PYODIDE_LOCK,
} from "./e2b/pyodide/package_cache.ts";
import { readPackageLock, UnknownPackage, withNeeds } from "./e2b/pyodide/package_lock.ts";
import { localDirectory } from "./repository.ts";

const USAGE = `Fetches packages for the local sandboxes' Python, with what they need: [NAMES…]

  NAMES       default ${COMMON_PACKAGES.join(" ")}
  --from URL  where the wheels are (default ${PUBLISHED})
  --lock FILE the lock file that names them (default Pyodide's own)
  --into DIR  where they are kept (default .local/cache/packages-<version of Pyodide>)
  --help      this text
`;

/** @returns the exit code */
export async function main(args: string[]): Promise<number> {
  const command = readArguments(args);
  if (typeof command === "string") {
    console.error(`${command}\n\n${USAGE}`);
    return 2;
  }
  const { values, positionals } = command;
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const from = (values.from ?? PUBLISHED).replace(/\/?$/, "/");
  const into = values.into ?? packagesDirectory(join(await localDirectory(), "cache"));
  try {
    const lock = await readPackageLock(values.lock ?? PYODIDE_LOCK);
    const packages = withNeeds(lock, positionals.length > 0 ? positionals : COMMON_PACKAGES);
    const onFetched = ({ name, version }: { name: string; version: string }) => console.log(`${name} ${version}`);
    const fetched = await fetchPackages(packages, { from, into, onFetched });
    console.log(`${fetched.length} of ${packages.length} packages fetched, the others were there: ${into}`);
    return 0;
  } catch (error) {
    if (!(error instanceof PackageNotFetched || error instanceof UnknownPackage)) throw error;
    console.error(error.message);
    return 1;
  }
}

function readArguments(args: string[]) {
  const [text, flag] = [{ type: "string" }, { type: "boolean" }] as const;
  try {
    const options = { help: flag, from: text, lock: text, into: text };
    const command = parseArgs({ args, options, allowPositionals: true });
    const { from } = command.values;
    if (from !== undefined && !/^https?:/.test(URL.parse(from)?.protocol ?? "")) return "--from: must be an http URL";
    return command;
  } catch (error) {
    if (error instanceof TypeError) return error.message;
    throw error;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
