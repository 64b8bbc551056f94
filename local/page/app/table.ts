/** A table of HTML's, as text: what else its markup does stays out of the page. */

export interface TableCell {
  readonly text: string;
  readonly isHead: boolean;
  readonly colSpan: number;
  readonly rowSpan: number;
}

export interface Table {
  readonly head: readonly (readonly TableCell[])[];
  readonly rows: readonly (readonly TableCell[])[];
}

/** Null where there is none. Parsing it runs nothing: the document belongs to no window. */
export function tableOf(html: string): Table | null {
  const table = new DOMParser().parseFromString(html, "text/html").querySelector("table");
  if (table === null) return null;
  const all = Array.from(table.rows);
  const isHead = (row: HTMLTableRowElement) => row.parentElement?.tagName === "THEAD";
  return {
    head: all.filter(isHead).map(cellsOf),
    rows: all.filter((row) => !isHead(row)).map(cellsOf),
  };
}

function cellsOf({ cells }: HTMLTableRowElement): TableCell[] {
  return Array.from(cells, ({ tagName, textContent, colSpan, rowSpan }) => ({
    text: textContent.trim(),
    isHead: tagName === "TH",
    colSpan,
    rowSpan,
  }));
}
