/** The import map of a process that serves a project's functions: the project's, beside the one of this folder. */

import { parse as parseJsonc, type ParseError, printParseErrorCode } from "jsonc-parser";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { REPOSITORY } from "../repository.ts";

const Imports = z.record(z.string(), z.string());
const ImportMap = z.looseObject({
  imports: Imports.default({}),
  scopes: z.record(z.string(), Imports).default({}),
  /** Of a `deno.json`: the import map is in that file. */
  importMap: z.string().optional(),
});
type ImportMap = z.infer<typeof ImportMap>;

/** Where the process's own modules are: what they import is not the project's to say. */
const OWN = pathToFileURL(join(REPOSITORY, "local/")).href;

/**
 * @param file a `deno.json`, a `deno.jsonc` or an import map; null for a function that has none
 * @returns a `data:` URL
 * @throws {Error} naming the file when it cannot be read
 */
export async function composeImportMap(file: string | null): Promise<string> {
  const own = await readImportMap(join(REPOSITORY, "deno.json"));
  const { imports, scopes } = file === null ? ImportMap.parse({}) : await readImportMap(file);
  const map = { imports, scopes: { ...scopes, [OWN]: own.imports } };
  return `data:application/json,${encodeURIComponent(JSON.stringify(map))}`;
}

/** With absolute addresses, because relative ones belong to the file. */
async function readImportMap(file: string): Promise<ImportMap> {
  const map = await parse(file);
  const base = pathToFileURL(file);
  if (map.importMap !== undefined) return await readImportMap(new URL(map.importMap, base).pathname);
  return {
    imports: absolute(map.imports, base),
    scopes: Object.fromEntries(
      Object.entries(map.scopes).map(([scope, imports]) => [new URL(scope, base).href, absolute(imports, base)]),
    ),
  };
}

async function parse(file: string): Promise<ImportMap> {
  const errors: ParseError[] = [];
  const map = ImportMap.safeParse(parseJsonc(await Deno.readTextFile(file), errors, { allowTrailingComma: true }));
  const [error] = errors;
  if (error !== undefined) throw new Error(`${file}: ${printParseErrorCode(error.error)} at offset ${error.offset}`);
  if (!map.success) throw new Error(`${file}: ${z.prettifyError(map.error)}`);
  return map.data;
}

function absolute(imports: z.infer<typeof Imports>, base: URL): z.infer<typeof Imports> {
  const entries = Object.entries(imports).flatMap(([name, target]): [string, string][] => {
    const address = /^\.{0,2}\//.test(target) ? new URL(target, base).href : target;
    const [, registry, module] = /^(npm|jsr):\/?([^/].*[^/])$/.exec(target) ?? [];
    // As Deno does with a `deno.json`: whoever may import a package may import what is in it.
    const inside: [string, string][] = module === undefined || name.endsWith("/")
      ? []
      : [[`${name}/`, `${registry}:/${module}/`]];
    return [...inside, [name, address]];
  });
  return Object.fromEntries(entries);
}
