/** README.md, the pages of docs/ and those beside them, as tests read them: their code, links, headings and names. */
import { basename } from "node:path";
import { REPOSITORY } from "../../local/repository.ts";

export const ROOT = new URL("../../", import.meta.url);

/** Outside of docs/. */
const BESIDE = ["README.md", "SECURITY.md", "client/README.md"];

export interface Block {
  readonly language: string;
  readonly code: string;
  /** Of its first line of code, counted from 1. */
  readonly line: number;
}

export interface Page {
  /** From the repository's folder on. */
  readonly path: string;
  readonly blocks: readonly Block[];
  /** Where links lead to, as they stand there. */
  readonly links: readonly string[];
  /** What a link may say behind its `#`. */
  readonly anchors: ReadonlySet<string>;
  /** Code within lines. */
  readonly names: readonly string[];
}

export async function readPages(): Promise<Page[]> {
  const paths = [...BESIDE];
  for await (const { name } of Deno.readDir(new URL("docs/", ROOT))) {
    if (name.endsWith(".md")) paths.push(`docs/${name}`);
  }
  return await Promise.all(paths.sort().map(async (path) => parse(path, await Deno.readTextFile(new URL(path, ROOT)))));
}

/** In the folder that a command is run in, which is the repository's. */
export const isHere = async (path: string) => await Deno.stat(`${REPOSITORY}/${path}`).then(() => true, isMissing);

function isMissing(error: unknown): false {
  if (error instanceof Deno.errors.NotFound) return false;
  throw error;
}

export function parse(path: string, text: string): Page {
  const blocks: Block[] = [];
  const prose: string[] = [];
  let open: { readonly language: string; readonly lines: string[]; readonly line: number } | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    const fence = /^```(\w*)/.exec(line);
    if (fence && open) {
      blocks.push({ language: open.language, code: `${open.lines.join("\n")}\n`, line: open.line });
      open = undefined;
    } else if (fence) open = { language: fence[1], lines: [], line: index + 2 };
    else if (open) open.lines.push(line);
    else prose.push(line);
  }
  if (open) throw new Error(`${path}: the code that begins at line ${open.line} has no end`);
  const words = prose.join("\n");
  const withoutCode = words.replaceAll(/`[^`]*`/g, "");
  return {
    path,
    blocks,
    links: [...withoutCode.matchAll(/\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$/gm)].map(([, inline, below]) =>
      inline ?? below
    ),
    anchors: anchorsOf([...words.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading)),
    names: [...words.matchAll(/`([^`]+)`/g)].map(([, name]) => name.replaceAll(/\s+/g, " ")),
  };
}

/** As GitHub makes them; a heading that comes again is numbered. */
function anchorsOf(headings: readonly string[]): Set<string> {
  const anchors = new Set<string>();
  for (const heading of headings) {
    const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const anchor = plain.replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(" ", "-");
    let numbered = anchor;
    for (let times = 1; anchors.has(numbered); times++) numbered = `${anchor}-${times}`;
    anchors.add(numbered);
  }
  return anchors;
}

/** What a failure calls a block. */
export const placeOf = ({ path }: Page, { line }: Block) => `${basename(path)}:${line}`;
