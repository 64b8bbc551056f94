/** The Denos that functions are started on: the one that runs, and the platform's. */
import { findPlatformDeno, PLATFORM_DENO } from "../../support/platform_deno.ts";

export interface DenoBinary {
  readonly version: string;
  readonly path: string;
}

/** Both, the newer one first. Fetches the older one where npm does not have it yet. */
export async function findDenos(): Promise<DenoBinary[]> {
  const path = await findPlatformDeno({ fetches: true });
  if (path === null) throw new Error(`npm cannot get deno@${PLATFORM_DENO}`);
  return [{ version: Deno.version.deno, path: Deno.execPath() }, { version: PLATFORM_DENO, path }];
}
