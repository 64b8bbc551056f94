/** What a client asks of a list: how many, and where the page before ended. */
export interface PageQuery {
  readonly limit: number;
  readonly nextToken?: number;
  readonly order: "asc" | "desc";
}

/** The answer to who asks for a page of what is in order: in a header it has the token of the next page. */
export function pageOf<T extends { readonly sequence: number }>(
  ordered: readonly T[],
  { limit, nextToken: after, order }: PageQuery,
  describe: (item: T) => unknown,
): Response {
  const rest = after === undefined
    ? ordered
    : ordered.filter(({ sequence }) => order === "desc" ? sequence < after : sequence > after);
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  const headers = last !== undefined && page.length < rest.length
    ? { "x-next-token": String(last.sequence) }
    : undefined;
  return Response.json(page.map(describe), { headers });
}
