/** `execute-code` in a process of its own, on a Deno of one's choice. */
import { z } from "zod";
import { spawnChild } from "../../../local/child.ts";
import { inherited } from "../../../local/functions/environment.ts";
import type { Stack } from "../../../local/stack.ts";
import { FUNCTIONS, REPOSITORY } from "../../../local/repository.ts";
import type { DenoBinary } from "../denos.ts";

const readySchema = z.object({ port: z.int().positive() });

export interface FunctionProcess extends AsyncDisposable {
  readonly pid: number;
  readonly url: string;
}

/** Starts it, before the stack's database and the sandboxes at `sandboxUrl`. */
export async function startFunction(deno: DenoBinary, stack: Stack, sandboxUrl: string): Promise<FunctionProcess> {
  const jwks: unknown = await (await fetch(`${stack.apiUrl}/auth/v1/.well-known/jwks.json`)).json();
  const child = spawnChild({
    name: "The function's process",
    command: deno.path,
    args: [
      "run",
      // As the local stack grants it.
      "--v8-flags=--max-old-space-size=192",
      "--quiet",
      "--no-prompt",
      // The older one cannot read the lock file.
      "--no-lock",
      `--config=${FUNCTIONS}deno.json`,
      "--allow-net",
      "--allow-env",
      new URL("function.ts", import.meta.url).pathname,
    ],
    cwd: REPOSITORY,
    env: {
      ...inherited(["DENO_DIR", "XDG_CACHE_HOME", "HOME", "DENO_TLS_CA_STORE", "DENO_CERT", "NPM_CONFIG_REGISTRY"]),
      ...deno.environment,
      NO_COLOR: "1",
      SUPABASE_URL: stack.apiUrl,
      SUPABASE_PUBLISHABLE_KEYS: JSON.stringify({ default: stack.publishableKey }),
      SUPABASE_SECRET_KEYS: JSON.stringify({ default: stack.secretKey }),
      SUPABASE_JWKS: JSON.stringify(jwks),
      E2B_API_URL: stack.e2b.url,
      E2B_API_KEY: stack.e2b.apiKey,
      E2B_SANDBOX_URL: sandboxUrl,
      TENANT_QUOTA: "1000",
    },
  });
  const port = await child.line(readPort);
  return { pid: child.pid, url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: () => child.stop() };
}

function readPort(line: string): number | undefined {
  try {
    return readySchema.safeParse(JSON.parse(line)).data?.port;
  } catch {
    return undefined;
  }
}
