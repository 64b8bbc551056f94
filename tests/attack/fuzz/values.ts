/** Values that programs trip over, as the JSON text that carries them: an object in memory could not hold them all. */
import type { Random } from "../../guarantee/chaos/random.ts";

const nested = (open: string, close: string, depth: number) => open.repeat(depth) + close.repeat(depth);
const wide = (item: string, count: number) => `[${Array.from({ length: count }, () => item).join(",")}]`;
const text = (piece: string, times: number) => `"${piece.repeat(times)}"`;
const keys = (count: number) => `{${Array.from({ length: count }, (_, index) => `"k${index}":0`).join(",")}}`;

/** No type that any field has, or of the type and at an edge of it. */
const SMALL = [
  ...["null", "true", "false", "[]", "{}", "[[]]", "[null]", "[{}]"],
  ...["0", "-0", "-1", "1e999", "-1e999", "1e-999", "0.1", "9007199254740993", "2147483648", "1E400", "1e3"],
  "123456789012345678901234567890",
  ...['""', '" "', '"\\n"', '"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"\\udfff\\ud800"', '"\\uffff"', '"\\u202e"'],
  ...['"__proto__"', '"constructor"', '"toString"', '"hasOwnProperty"', '"undefined"', '"NaN"', '"true"', '"1"'],
  ...['"../../etc/passwd"', '"%00"', '"%2e%2e%2f"', '"\\\\..\\\\"', '"/"', '"."', '"a/../b"', '"a\\"b"'],
  ...[`"' or 1=1; --"`, '"$1"', '"{}"', '"%s%n"', '"${7*7}"', '"<script>"', '"\\r\\nX-Evil: 1"', '"\\ufeff"'],
  ...['{"__proto__":{"a":1}}', '{"constructor":{"prototype":{"a":1}}}', '{"toString":1}', '{"length":1e9}'],
  ...['{"then":1}', '{"toJSON":1}', '{"":""}', '{"a":1,"a":2}', '"00000000-0000-0000-0000-000000000000"'],
];

/** The limits of ids, code, environment and files, their neighbours, and what is far off. */
function large(random: Random): string {
  return random.pick([
    [3, () => text("x", random.pick([[1, 254], [1, 255], [1, 256], [1, 765], [1, 766], [1, 2_704]]))],
    [2, () => text("😀", random.pick([[1, 191], [1, 192], [1, 255]]))],
    [2, () => text("e\\u0301", random.between(100, 300))],
    [2, () => text("\\u0000", random.between(1, 3_000))],
    [2, () => text("a", random.pick([[1, 32 * 1024], [1, 32 * 1024 + 1], [1, 100 * 1024], [1, 100 * 1024 + 1]]))],
    [2, () => text("a/", random.between(1, 2_000))],
    [2, () => nested("[", "]", random.between(2, 5_000))],
    [2, () => nested('{"a":', "}", random.between(2, 3_000)).replace(":}", ":1}")],
    [2, () => wide(random.pick([[1, "0"], [1, "{}"], [1, '""'], [1, "null"]]), random.between(2, 5_000))],
    [2, () => keys(random.between(2, 2_000))],
  ])();
}

/** A hostile value, as JSON. */
export function hostileValue(random: Random): string {
  return random.next() < 0.7 ? oneOf(random, SMALL) : large(random);
}

/** A name that no request has, or that objects have of their own, as JSON. */
export function hostileName(random: Random): string {
  return oneOf(random, [
    ...['"__proto__"', '"constructor"', '"toString"', '"hasOwnProperty"', '"prototype"', '"valueOf"', '""', '"0"'],
    ...['"due"', '"sandbox_id"', '"Conversation_id"', '"conversation_id "', '"path_id\\u0000"', '"\\ud800"', '"$ref"'],
    ...['"tenantId"', '"role"', '"a.b"', '"a[0]"', text("k", random.between(1, 5_000))],
  ]);
}

export function oneOf<Item>(random: Random, items: readonly Item[]): Item {
  return items[random.between(0, items.length - 1)];
}
