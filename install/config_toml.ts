/** The tables of `supabase/config.toml` that tell the Supabase CLI of our functions. Every other byte stays. */
import { isDeepStrictEqual } from "node:util";
import { parse, TomlError } from "smol-toml";
import { z } from "zod";
import { CONFIG_FILE } from "./app.ts";
import { endingAs, gapAfter } from "./line_ends.ts";

const configSchema = z.looseObject({
  api: z.looseObject({
    // As text where a variable of the environment says it.
    enabled: z.union([z.boolean(), z.string()]).default(true),
    schemas: z.union([z.array(z.string()), z.string()]).default(["public"]),
  }).prefault({}),
  functions: z.record(z.string(), z.unknown()).default({}),
});
type Config = z.infer<typeof configSchema>;

export type ConfigPatch =
  | {
    readonly outcome: "patched";
    readonly text: string;
    /** What of it is ours, its lines ending as ours do. */
    readonly block: string;
  }
  | { readonly outcome: "refused"; readonly reasons: readonly string[] };

/** What is put into the file for these functions. */
function tablesOf(functions: readonly string[]): string {
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

/** Puts the tables at the file's end. Refused when one of the functions is configured there already. */
export function addTables(text: string, functions: readonly string[]): ConfigPatch {
  const config = readConfig(text);
  if (typeof config === "string") return refused(config);
  const taken = functions.filter((name) => Object.hasOwn(config.functions, name));
  if (taken.length > 0) return refused(...taken.map((name) => `[functions.${name}] is there already.`));
  const { enabled, schemas } = config.api;
  if (enabled === false || (Array.isArray(schemas) && !schemas.includes("public"))) {
    return refused("[api] does not serve the schema public, in which the functions find theirs.");
  }
  const block = gapAfter(text) + tablesOf(functions);
  return patched(text, text + endingAs(text, block), block, functions, functions);
}

/**
 * Replaces what was put there, `block`, by the tables of `functions`; by nothing where there are none. Refused when it is
 * there no more as it was, unless somebody has taken it out already.
 *
 * @param installed the functions that have their tables in `block`
 */
export function replaceTables(
  text: string,
  block: string,
  installed: readonly string[],
  functions: readonly string[],
): ConfigPatch {
  const config = readConfig(text);
  if (typeof config === "string") return refused(config);
  if (!installed.some((name) => Object.hasOwn(config.functions, name))) {
    return functions.length === 0 ? { outcome: "patched", text, block: "" } : addTables(text, functions);
  }
  const place = endingAs(text, block);
  const start = text.indexOf(place);
  if (start === -1) return refused("our tables have been edited since. Undo that, or remove them.");
  const [gap = ""] = /^\n*/.exec(block) ?? [];
  const next = functions.length === 0 ? "" : gap + tablesOf(functions);
  const after = text.slice(0, start) + endingAs(text, next) + text.slice(start + place.length);
  return patched(text, after, next, [...installed, ...functions], functions);
}

/** Only where nothing but these functions' tables is another one. */
function patched(
  before: string,
  after: string,
  block: string,
  touched: readonly string[],
  functions: readonly string[],
): ConfigPatch {
  const [old, config] = [readConfig(before), readConfig(after)];
  // A table that is written in one line takes no further ones.
  if (typeof old === "string" || typeof config === "string") return refused(String(config));
  const others = ({ functions, ...rest }: Config) => ({
    ...rest,
    functions: Object.entries(functions).filter(([name]) => !touched.includes(name)),
  });
  const ours = readConfig(block);
  const isOurs = (name: string) =>
    typeof ours !== "string" && isDeepStrictEqual(config.functions[name], ours.functions[name]);
  if (isDeepStrictEqual(others(old), others(config)) && functions.every(isOurs)) {
    return { outcome: "patched", text: after, block };
  }
  return refused("lines have been added below our tables, and belong to the last of them. Remove or move them.");
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
