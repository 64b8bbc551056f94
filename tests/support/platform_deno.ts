/** Deno as the platform embeds it, from npm. */

/** Supabase's edge runtime is built on this one (supabase/edge-runtime, v1.78). */
export const PLATFORM_DENO = "2.1.4";

/** Where npm has it; null where npm does not have it yet, and must not fetch it, or where there is no npm. */
export async function findPlatformDeno({ fetches }: { readonly fetches: boolean }): Promise<string | null> {
  const npx = new Deno.Command("npx", {
    args: [
      ...(fetches ? [] : ["--offline"]),
      "--yes",
      `deno@${PLATFORM_DENO}`,
      "eval",
      "--no-config",
      "console.log(Deno.execPath())",
    ],
    stdin: "null",
    stderr: "null",
  });
  try {
    const { code, stdout } = await npx.output();
    return code === 0 ? new TextDecoder().decode(stdout).trim() : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** What it needs in its environment to take this machine's certificates, as newer ones do, when it fetches packages. */
export const PLATFORM_DENO_ENVIRONMENT = { DENO_TLS_CA_STORE: "mozilla,system" };
