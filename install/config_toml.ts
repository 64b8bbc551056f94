/** The blocks of `supabase/config.toml` that tell the Supabase CLI of our functions. Every other byte stays. */
import { parse, TomlError } from "smol-toml";
import { z } from "zod";
import { CONFIG_FILE } from "./app.ts";

const configSchema = z.looseObject({
  api: z.looseObject({ enabled: z.boolean().default(true), schemas: z.array(z.string()).default(["public"]) })
    .prefault({}),
  functions: z.record(z.string(), z.unknown()).default({}),
});
type Config = z.infer<typeof configSchema>;

export type ConfigPatch =
  | { readonly outcome: "patched"; readonly text: string }
  | { readonly outcome: "refused"; readonly reasons: readonly string[] };

/** What is put into the file for these functions. */
export function configBlock(functions: readonly string[]): string {
  const tables = functions.map((name) =>
    [
      `[functions.${name}]`,
      "verify_jwt = false",
      `import_map = "./functions/${name}/deno.json"`,
      `entrypoint = "./functions/${name}/index.ts"`,
    ].join("\n")
  );
  return [
    "# Execution contexts. verify_jwt is off because services call with a secret key, which is no JWT:",
    "# these functions verify every caller themselves.",
    tables.join("\n\n"),
    "",
  ].join("\n");
}

/** Puts the block at the file's end. Refused when one of the functions is configured there already. */
export function addBlock(config: string, functions: readonly string[]): ConfigPatch {
  const before = readConfig(config);
  if (typeof before === "string") return refused(before);
  const taken = functions.filter((name) => Object.hasOwn(before.functions, name));
  if (taken.length > 0) return refused(...taken.map((name) => `[functions.${name}] is there already.`));
  if (!before.api.enabled || !before.api.schemas.includes("public")) {
    return refused("[api] does not serve the schema public, in which the functions find theirs.");
  }
  const lines = lineEnd(config);
  const gap = config === "" ? "" : config.endsWith("\n") ? lines : lines + lines;
  const text = config + gap + configBlock(functions).replaceAll("\n", lines);
  // A table that is written in one line takes no further ones.
  const after = readConfig(text);
  return typeof after === "string" ? refused(after) : { outcome: "patched", text };
}

/** Replaces the block that was put there, as it was; by nothing where `next` is "". */
export function replaceBlock(config: string, block: string, next: string): ConfigPatch {
  const lines = lineEnd(config);
  const installed = block.replaceAll("\n", lines);
  const start = config.indexOf(installed);
  if (start === -1) {
    return refused("what was put there has been edited since. Undo that, or remove our three tables by hand.");
  }
  const end = start + installed.length;
  if (next !== "") {
    return { outcome: "patched", text: config.slice(0, start) + next.replaceAll("\n", lines) + config.slice(end) };
  }
  const head = config.slice(0, start);
  // The empty line that came with it.
  const kept = head.endsWith(lines + lines) ? head.slice(0, -lines.length) : head;
  return { outcome: "patched", text: kept + config.slice(end) };
}

function readConfig(text: string): Config | string {
  try {
    const config = configSchema.safeParse(parse(text));
    return config.success ? config.data : z.prettifyError(config.error);
  } catch (error) {
    if (error instanceof TomlError) return `line ${error.line}: ${error.message.split("\n", 1)[0]}`;
    throw error;
  }
}

function refused(...reasons: string[]): ConfigPatch {
  return { outcome: "refused", reasons: reasons.map((reason) => `${CONFIG_FILE}: ${reason}`) };
}

function lineEnd(text: string): string {
  return text.includes("\r\n") ? "\r\n" : "\n";
}
