/** The Denos that functions are started on: the one that runs, and that of the platform's generation, from npm. */
import assert from "node:assert/strict";

/** The edge runtime embeds this one (supabase/edge-runtime, v1.78). */
const PLATFORM = "2.1.4";

export interface DenoBinary {
  readonly version: string;
  readonly path: string;
}

/** Both, the newer one first. Fetches the older one where npm does not have it yet. */
export async function findDenos(): Promise<DenoBinary[]> {
  const { code, stdout, stderr } = await new Deno.Command("npx", {
    args: ["--yes", `deno@${PLATFORM}`, "eval", "--no-config", "console.log(Deno.execPath())"],
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  assert.equal(code, 0, text.decode(stderr));
  return [
    { version: Deno.version.deno, path: Deno.execPath() },
    { version: PLATFORM, path: text.decode(stdout).trim() },
  ];
}
