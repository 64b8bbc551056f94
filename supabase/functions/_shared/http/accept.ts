/** Which of several forms of an answer a request prefers, by its `Accept` (RFC 9110, 12.5.1). */

/**
 * The media type of `offered` that is preferred: by weight, then the first, as who also takes anything at all says what
 * it says of all that it asks for.
 * The first one, too, where none is acceptable: an answer in another form says more than a 406. Parameters other than
 * the weight are passed over: Prometheus names versions and escapings of one and the same type.
 */
export function preferred<Type extends string>(accept: string | null, offered: readonly [Type, ...Type[]]): Type {
  const ranges = (accept ?? "*/*").split(",").map(parse);
  const rated = offered.map((type) => {
    const matching = ranges.filter(({ range }) => matches(range, type));
    // The most precise range says the weight, also where that is 0.
    const [best] = matching.toSorted((a, b) => b.precision - a.precision || b.weight - a.weight);
    return { type, weight: best?.weight ?? 0 };
  });
  return rated.reduce((best, next) => next.weight > best.weight ? next : best).type;
}

function parse(part: string) {
  const [range = "", ...parameters] = part.split(";").map((piece) => piece.trim().toLowerCase());
  const weight = parameters.map((parameter) => /^q=([01](?:\.\d{0,3})?)$/.exec(parameter)?.[1]).find((q) => q);
  return {
    range,
    weight: weight === undefined ? 1 : Math.min(1, Number(weight)),
    precision: range === "*/*" ? 0 : range.endsWith("/*") ? 1 : 2,
  };
}

function matches(range: string, type: string): boolean {
  return range === "*/*" || range === type || (range.endsWith("/*") && type.startsWith(range.slice(0, -1)));
}
