/** The commands of the pages: what stands in their shell code, and in their lines. */
import type { Page } from "./pages.ts";

export interface Command {
  readonly page: string;
  /** Without comments and `npx -y`; brackets, as around what may be left out, are gone. */
  readonly words: readonly string[];
  /** Whether it is shell code of its own, for the reader to run. */
  readonly isToRun: boolean;
}

/** In the order in which they stand there. */
export function commandsOf(pages: readonly Page[]): Command[] {
  return pages.flatMap(({ path, blocks, names }) => {
    const shell = blocks.filter(({ language }) => language === "sh").flatMap(({ code }) =>
      code.replaceAll("\\\n", " ").split("\n").map((line) => line.replace(/(^|\s+)#.*/, ""))
    );
    const named = names.filter((name) => /^(npx (-y )?)?(deno task|supabase|execution-contexts) \w/.test(name));
    return [
      ...shell.filter((line) => line !== "").map((line) => ({ page: path, words: wordsOf(line), isToRun: true })),
      ...named.map((name) => ({ page: path, words: wordsOf(name.replaceAll(/[[\]]/g, "")), isToRun: false })),
    ];
  });
}

/** Of the quotes that the pages use: in "…" and '…' a space divides nothing. */
function wordsOf(line: string): string[] {
  const words = [...line.matchAll(/(?:"[^"]*"|'[^']*'|\S)+/g)].map(([word]) => word);
  return words[0] === "npx" ? words.slice(words[1] === "-y" ? 2 : 1) : words;
}

export const flagsOf = ({ words }: Command) => words.filter((word) => word.startsWith("-"));
