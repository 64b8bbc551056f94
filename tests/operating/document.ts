/** docs/operating.md as tests run it: its code, by the heading that it stands under. */
import assert from "node:assert/strict";

export const DOCUMENT = new URL("../../docs/operating.md", import.meta.url);

/** The headings of the third level under one of the second, in order. */
export async function headingsUnder(section: string): Promise<string[]> {
  const text = await Deno.readTextFile(DOCUMENT);
  const [, part] = text.split(new RegExp(`^## ${section}$`, "m"));
  assert(part, `there is no section ${section}`);
  return [...part.split(/^## /m)[0].matchAll(/^### (.+)$/gm)].map(([, heading]) => heading);
}

/**
 * The code blocks under a heading, in order, with what stands for the reader's own replaced. Fails where there are none,
 * or where nothing stands for it.
 */
export async function codeUnder(
  heading: string,
  language: "sql" | "sh" | "yaml",
  own: Readonly<Record<string, string>> = {},
): Promise<string[]> {
  const text = await Deno.readTextFile(DOCUMENT);
  const [, part] = text.split(new RegExp(`^##+ ${heading}$`, "m"));
  assert(part, `there is no heading ${heading}`);
  const blocks = [...part.split(/^##+ /m)[0].matchAll(/^```(\w+)\n([^]*?)^```$/gm)];
  const code = blocks.filter(([, its]) => its === language).map(([, , block]) => block);
  assert(code.length > 0, `there is no ${language} under ${heading}`);
  for (const placeholder of Object.keys(own)) {
    assert(code.some((block) => block.includes(placeholder)), `nothing under ${heading} says ${placeholder}`);
  }
  return code.map((block) => Object.entries(own).reduce((filled, [from, to]) => filled.replaceAll(from, to), block));
}
