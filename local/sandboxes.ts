/** Where the functions find their sandboxes: the stack's own E2B-compatible server, or another one. */

import type { KernelName } from "./e2b/choose_kernel.ts";
import { type E2BServer, startE2B, TEMPLATES } from "./e2b/server.ts";

export interface SandboxesOptions {
  /** Another E2B-compatible server, in the place of the stack's own. */
  readonly e2bUrl?: string;
  /** Where that server's sandboxes are; without it the SDK asks the server. */
  readonly sandboxUrl?: string;
  readonly e2bApiKey?: string;
  /** Names of templates that the stack's own server has besides E2B's. */
  readonly templates?: readonly string[];
  /** What runs Python on the stack's own server; default Pyodide, which runs everywhere. */
  readonly kernel?: KernelName;
  /** How many Pythons wait there for the next sandboxes; default 0. */
  readonly spares?: number;
  readonly onProgress?: (message: string) => void;
}

export interface Sandboxes {
  readonly url: string;
  /** Null with another server whose address for sandboxes was not given. */
  readonly sandboxUrl: string | null;
  readonly apiKey: string;
  /** Null with another server. */
  readonly server: E2BServer | null;
}

/** @param part starts the server as a part of the stack, where it is the stack's own */
export async function startSandboxes(
  { e2bUrl, sandboxUrl, e2bApiKey, templates = [], kernel, spares, onProgress }: SandboxesOptions,
  part: (name: string, start: () => Promise<E2BServer>) => Promise<E2BServer>,
): Promise<Sandboxes> {
  if (e2bUrl !== undefined) {
    if (e2bApiKey === undefined) throw new Error("Another E2B server needs an API key");
    return { url: e2bUrl, sandboxUrl: sandboxUrl ?? null, apiKey: e2bApiKey, server: null };
  }
  const server = await part(
    "the sandbox server",
    () => startE2B({ apiKey: e2bApiKey, templates: [...TEMPLATES, ...templates], kernel, spares, onProgress }),
  );
  return { url: server.url, sandboxUrl: server.url, apiKey: server.apiKey, server };
}

/** As the E2B SDK's environment has it. */
export function sandboxesEnvironment({ url, sandboxUrl, apiKey }: Sandboxes): Record<string, string> {
  return {
    E2B_API_URL: url,
    ...(sandboxUrl === null ? {} : { E2B_SANDBOX_URL: sandboxUrl }),
    E2B_API_KEY: apiKey,
  };
}
