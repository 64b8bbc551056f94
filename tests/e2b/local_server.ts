import assert from "node:assert/strict";
import { Sandbox } from "@e2b/code-interpreter";
import { type E2BOptions, type E2BServer, startE2B } from "../../local/e2b/server.ts";
import { shared } from "../support/shared.ts";

/** A limit of memory, in bytes: a bomb need not fill a gibibyte to show that there is one. */
export const ENOUGH_FOR_PYTHON = 320 * 1024 ** 2;

/** What the SDKs must be told to talk to a local server. */
export interface Connection {
  readonly apiKey: string;
  readonly apiUrl: string;
  readonly sandboxUrl: string;
}

/**
 * A test with a server of its own. Deno's sanitizers then prove that `stop()`
 * leaves no port, process, timer or file behind.
 */
export function e2bTest(
  name: string,
  run: (connection: Connection, server: E2BServer) => Promise<void>,
  options: E2BOptions = {},
): void {
  Deno.test({
    name,
    sanitizeOps: true,
    sanitizeResources: true,
    fn: () => onServer(options, run),
  });
}

/** The same for a test that is defined in another way. */
export async function onServer(
  options: E2BOptions,
  run: (connection: Connection, server: E2BServer) => Promise<void>,
): Promise<void> {
  const server = await startE2B(options);
  try {
    await run(connectionTo(server), server);
  } finally {
    await server.stop();
  }
}

/** How long a sandbox of a file's lives: a busy machine's longest. */
export const LIFE_MS = 3_600_000;

/**
 * A sandbox of the file's, for tests that leave its kernel as they found it: to start one is what costs. They give their
 * variables names of their own.
 */
export function useSandbox(): {
  readonly sandbox: Sandbox;
  readonly connection: Connection;
  readonly server: E2BServer;
} {
  const made = shared(async (parts) => {
    const server = parts.adopt(await startE2B(), ({ stop }) => stop());
    const connection = connectionTo(server);
    return { server, connection, sandbox: await Sandbox.create({ ...connection, timeoutMs: LIFE_MS }) };
  });
  return {
    get sandbox() {
      return made().sandbox;
    },
    get connection() {
      return made().connection;
    },
    get server() {
      return made().server;
    },
  };
}

/** What the SDKs are told of a server. */
export function connectionTo({ apiKey, url }: E2BServer): Connection {
  return { apiKey, apiUrl: url, sandboxUrl: url };
}

/** Restarts a kernel as the SDK does, but reads the answer, which the SDK leaves for Deno's sanitizer to find. */
export async function restartContext(connection: Connection, { sandboxId }: Sandbox, id = ""): Promise<void> {
  const response = await fetch(`${connection.sandboxUrl}/contexts/${id}/restart`, {
    method: "POST",
    headers: { "E2b-Sandbox-Id": sandboxId, "E2b-Sandbox-Port": "49999" },
  });
  assert.deepEqual([response.status, await response.json()], [200, null]);
}

/** A request to a port of a sandbox, without an SDK in between. */
export function toSandbox(
  server: E2BServer,
  sandboxId: string,
  path: string,
  init: { port?: number; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Response> {
  return fetch(`${server.url}${path}`, {
    method: init.body === undefined ? "GET" : "POST",
    headers: { "E2b-Sandbox-Id": sandboxId, "E2b-Sandbox-Port": String(init.port ?? 49999), ...init.headers },
    body: init.body === undefined ? undefined : JSON.stringify(init.body),
  });
}
