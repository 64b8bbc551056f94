/** The Denos that functions are measured on: the one that runs, and the platform's. */
import { findPlatformDeno, PLATFORM_DENO } from "../../local/functions/edge/platform_deno.ts";

export interface DenoBinary {
  readonly version: string;
  readonly path: string;
  /** What it needs to find its modules: two versions empty each other's cache. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Both, the newer one first. Fetches the older one where it is not there yet. */
export async function findDenos(): Promise<DenoBinary[]> {
  const { binary, environment } = await findPlatformDeno();
  return [
    { version: Deno.version.deno, path: Deno.execPath(), environment: {} },
    { version: PLATFORM_DENO, path: binary, environment },
  ];
}
