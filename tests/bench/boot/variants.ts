/** What is started: functions as they are deployed, from their sources, and bundled. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { FUNCTIONS } from "../../../local/repository.ts";
import type { DenoBinary } from "../denos.ts";

export const BARE = "bare";
const NAMES = ["acquire-context", "execute-code", "mcp", "terminate-context"];

export interface Variant {
  readonly name: string;
  readonly form: "sources" | "bundled";
  readonly deno: DenoBinary;
  readonly entry: string;
  /** The flags of `deno run` by which the packages are found. */
  readonly flags: readonly string[];
  /** Of what is bundled and minified, in bytes. */
  readonly bytes?: number;
}

/** Each function in each form on each Deno. `directory` takes what is made for that. */
export async function makeVariants(denos: readonly DenoBinary[], directory: string): Promise<Variant[]> {
  const entries = new Map([
    [BARE, fileURLToPath(new URL("bare.ts", import.meta.url))],
    ...NAMES.map((name) => [name, `${FUNCTIONS}${name}/index.ts`] as const),
  ]);
  const bundles = new Map<string, string>();
  for (const [name, entry] of entries) {
    const bundle = join(directory, `${name}.js`);
    await run({ path: Deno.execPath(), environment: {} }, [
      "bundle",
      "--quiet",
      "--minify",
      "--platform=deno",
      `--output=${bundle}`,
      entry,
    ]);
    bundles.set(name, bundle);
  }
  const variants: Variant[] = [];
  for (const deno of denos) {
    // Versions are looked up once, here: a start on the platform does not look them up either.
    const flags = [
      "--no-config",
      `--import-map=${FUNCTIONS}deno.json`,
      `--lock=${join(directory, `${deno.version}.lock`)}`,
    ];
    await run(deno, [
      "cache",
      "--quiet",
      ...flags,
      fileURLToPath(new URL("host.ts", import.meta.url)),
      ...entries.values(),
    ]);
    for (const [name, entry] of entries) variants.push({ name, form: "sources", deno, entry, flags });
    for (const [name, entry] of bundles) {
      const { size: bytes } = await Deno.stat(entry);
      variants.push({ name, form: "bundled", deno, entry, flags: ["--no-config", "--no-lock"], bytes });
    }
  }
  return variants;
}

async function run(
  { path, environment: env }: Pick<DenoBinary, "path" | "environment">,
  args: string[],
): Promise<void> {
  const { code, stderr } = await new Deno.Command(path, { args, env, stdin: "null" })
    .output();
  assert.equal(code, 0, `deno ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}
