/** Lines of code in the sections of a module: those that are neither blank nor a comment. */

/** By the sections' names, in their order. */
export async function countLines(module: URL): Promise<Map<string, number>> {
  const [, ...sections] = (await Deno.readTextFile(module)).split(/^\/\/ ── (?=.* ──$)/m);
  return new Map(sections.map((section) => {
    const [title, ...lines] = section.split("\n");
    const code = lines.filter((line) => line.trim() !== "" && !/^\s*(\/\/|\/?\*)/.test(line));
    return [title.replace(/ ──$/, ""), code.length];
  }));
}

export interface Row {
  readonly what: string;
  readonly before: number;
  readonly after: number;
}

/** Lines by hand, and with the client. */
export async function table(): Promise<Row[]> {
  const before = await countLines(new URL("before.ts", import.meta.url));
  const after = await countLines(new URL("after.ts", import.meta.url));
  const rows = Array.from(before, ([what, lines]) => ({ what, before: lines, after: after.get(what) ?? NaN }));
  const sum = (of: "before" | "after") => rows.reduce((lines, row) => lines + row[of], 0);
  return [...rows, { what: "all of it", before: sum("before"), after: sum("after") }];
}
