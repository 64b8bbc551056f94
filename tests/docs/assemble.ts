/** A page's code as one module: each piece sees what those before it have defined, and may define it anew. */
import assert from "node:assert/strict";
import type { Given } from "./given.ts";
import { type Page, placeOf } from "./pages.ts";

export interface Assembled {
  readonly module: string;
  /** What must be printed, in this order. */
  readonly printed: readonly string[];
}

const SUPPORT = new URL("./support.ts", import.meta.url).href;
const GIVEN_NAMES = [
  "assert",
  "has",
  "mockModel",
  "publishableKey",
  "reachDeadline",
  "runFor",
  "service",
  "shows",
  "sql",
  "url",
];
/** Pages that do not say where it is from take it as given. */
const CREATE = 'import { createClient } from "@supabase/supabase-js";\n';

/** Null where a page has no such code. */
export function assemble(
  page: Page,
  { before = "", between = {}, after = "", own = {}, isTest }: Given = {},
): Assembled | null {
  const blocks = page.blocks.filter(({ language }) => language === "ts" || language === "js");
  if (blocks.length === 0) return null;
  const all = blocks.map(({ code }) => code).join("\n");
  for (const text of [...Object.keys(own), ...Object.keys(between)]) {
    assert(all.includes(text), `nothing in ${page.path} says ${text}`);
  }

  const imports = new Set<string>();
  const printed: string[] = [];
  let body = "";
  for (const block of blocks) {
    let code = Object.entries(own).reduce((filled, [from, to]) => filled.replaceAll(from, to), block.code);
    code = code.replaceAll(/^import .*;(?: \/\/.*)?\n/gm, (line) => {
      imports.add(line.replace(/; \/\/.*/, ";"));
      return "";
    });
    const first = Object.entries(between).filter(([text]) => code.includes(text)).map(([, what]) => `${what}\n`);
    printed.push(...promisedPrints(code));
    body += `${isTest ? "" : "{ "}// ${placeOf(page, block)}\n${first.join("")}${kept(code)}`;
  }
  if (isTest) return { module: [...imports].join("") + body, printed };
  const given = imports.has(CREATE) ? GIVEN_NAMES : [...GIVEN_NAMES, "createClient"];
  imports.add(`import { ${given.join(", ")} } from "${SUPPORT}";\n`);
  const end = `${after}\n${"}".repeat(blocks.length)}\nDeno.exit(0);\n`;
  return { module: `${[...imports].join("")}${before}\n${body}${end}`, printed };
}

/** Behind a `console.log`, or below it: what it prints, with … for what is left out. */
function promisedPrints(code: string): string[] {
  const promises = code.matchAll(/^.*console\.log\(.*\);(?: \/\/ (.+)|\n\/\/ (.+))$/gm);
  return [...promises].flatMap(([, behind, below]) => (behind ?? below).split(/…|(?<=\}), /))
    .map((piece) => piece.replace(/^[,\s]+|[,\s]+$/g, "")).filter((piece) => piece !== "");
}

/** The code, with what else its comments say turned into assertions. */
function kept(code: string): string {
  return code
    // await path.execute("x"); // 41, and why
    .replaceAll(/^await (.*\.execute\(.*\)); \/\/ (\w+)(?:,.*)?$/gm, 'shows(await $1, "$2");')
    // const { note } = await …; and below it what that says
    .replaceAll(
      /^(const \{ (\w+) \} = await .*;)\n\/\/ (.+)$/gm,
      (_, line, name, says) => `${line}\nassert.equal(${name}, ${JSON.stringify(says)});`,
    )
    // await service.…; and below it the fields of what comes back
    .replaceAll(
      /^await (service\..*);\n\/\/ (\[?\{.+)$/gm,
      (_, call, fields) => `has(await ${call}, ${JSON.stringify(namesIn(fields))});`,
    );
}

/** Of `{ a, b: { c }, … }`: a, b. */
function namesIn(fields: string): string[] {
  const top = fields.replace(/^\[?\{/, "").replaceAll(/\{[^}]*\}/g, "").replace(/\}\]?$/, "");
  return [...top.matchAll(/(\w+)(?=:|,|\s*$)/g)].map(([, name]) => name);
}
