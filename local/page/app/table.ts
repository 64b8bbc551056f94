/** A table of HTML's, as text: what else its markup does stays out of the page. */

export interface Table {
  readonly head: readonly (readonly string[])[];
  readonly rows: readonly { readonly label: readonly string[]; readonly cells: readonly string[] }[];
}

/** Null where there is none. Parsing it runs nothing: the document belongs to no window. */
export function tableOf(html: string): Table | null {
  const table = new DOMParser().parseFromString(html, "text/html").querySelector("table");
  if (table === null) return null;
  const all = Array.from(table.rows);
  const isHead = (row: HTMLTableRowElement) => row.parentElement?.tagName === "THEAD";
  const texts = (cells: Iterable<Element>) => Array.from(cells, (cell) => cell.textContent?.trim() ?? "");
  return {
    head: all.filter(isHead).map(({ cells }) => texts(cells)),
    rows: all.filter((row) => !isHead(row)).map((row) => ({
      label: texts(row.querySelectorAll("th")),
      cells: texts(row.querySelectorAll("td")),
    })),
  };
}
