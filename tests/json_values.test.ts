/** Values of JSON are counted as its parser would find them. */
import assert from "node:assert/strict";
import { countValues } from "../supabase/functions/_shared/json_values.ts";

/** What is in a value, itself included; an empty list or object counts as having one more. */
function count(value: unknown): number {
  if (!(value instanceof Object)) return 1;
  const inside = Object.values(value);
  return 1 + Math.max(1, inside.reduce((sum: number, one) => sum + count(one), 0));
}

Deno.test("as many as there are, whatever stands in texts", () => {
  const texts = ["", ",", "[{", '"', "\\", '\\"', '",[', "é🐎,"];
  const values = [1, "a", null, [], {}, [[]], [1, 2, 3], { a: [1, { b: "," }], "c,": "[" }, texts, {
    [texts.join()]: texts,
  }];
  for (const value of values) {
    for (const space of [undefined, 2]) {
      const json = JSON.stringify(value, null, space);
      assert.equal(countValues(json, 1_000), count(value), json);
    }
  }
});

Deno.test("no further than to one more than wanted", () => {
  assert.equal(countValues("[".repeat(1_000), 10), 11);
  assert.equal(countValues('"never ends', 10), 1);
});
