/**
 * A query as E2B's SDK encodes it, without its question mark; the values of a list are parted by commas. What is
 * undefined is left out.
 */
export function queryOf(values: Readonly<Record<string, Value | readonly Value[] | undefined>>): string {
  return Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${[value].flat().map((one) => encodeURIComponent(one)).join(",")}`]
  ).join("&");
}

type Value = string | number;
