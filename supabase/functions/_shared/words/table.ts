/** Tables as models read them best. */

/** HTML's tables as Markdown's; null where there is none. Data frames are shown as such by every kernel. */
export function markdownTable(html: string): string | null {
  const [table] = /<table[\s\S]*?<\/table>/i.exec(html) ?? [];
  if (table === undefined) return null;
  const rows = Array.from(
    table.matchAll(/<tr[\s\S]*?<\/tr>/gi),
    ([row]) => Array.from(row.matchAll(/<t[hd][^>]*>([\s\S]*?)<\/t[hd]>/gi), ([, cell = ""]) => cellOf(cell)),
  ).filter((cells) => cells.length > 0);
  const [head, ...body] = rows;
  if (head === undefined) return null;
  const width = Math.max(...rows.map((cells) => cells.length));
  const line = (cells: readonly string[]) =>
    `| ${Array.from({ length: width }, (_, i) => cells[i] ?? "").join(" | ")} |`;
  return [line(head), line(Array(width).fill("---")), ...body.map(line)].join("\n");
}

const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'", "#x27": "'", nbsp: " " };

function cellOf(html: string): string {
  return html
    .replaceAll(/<[^>]*>/g, "")
    .replaceAll(/&(#?\w+);/g, (entity, name: string) => ENTITIES[name] ?? entity)
    .replaceAll("|", "\\|")
    .replaceAll(/\s+/g, " ")
    .trim();
}
