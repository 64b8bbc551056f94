/** An answer in JSON says what its value is, be it written whole or in pieces. */
import assert from "node:assert/strict";
import { jsonResponse } from "../../supabase/functions/_shared/http/json_response.ts";
import { inFakeTime } from "../support/fake_time.ts";

/** Longer than what is written at once. */
const LONG = 200_000;

const values: Record<string, object> = {
  "an empty one": {},
  "a small one": { a: 1, b: [true, null, "x"], c: { d: undefined, e: [undefined, {}] } },
  "a long text": { execution: { results: [{ html: "x".repeat(LONG), is_main_result: true }, { text: "2" }] } },
  "a text of characters that are two units": { text: "x" + "🐎".repeat(LONG) },
  "half a pair": { text: "\ud83d".repeat(LONG) },
  "a text of escapes": { 'na"me': '"\\\n\u0000'.repeat(LONG) },
  "many small ones": { results: Array.from({ length: 20_000 }, (_, index) => ({ text: `${index}` })) },
  "deep ones": { a: [{ b: [{ c: [{ d: "x".repeat(LONG) }] }] }, [], {}], e: undefined },
  "undefined among large ones": { a: undefined, b: "x".repeat(LONG), c: { d: undefined, e: { f: undefined } } },
  "a list": [undefined, { a: "x".repeat(LONG) }, [[]]],
};

for (const [name, value] of Object.entries(values)) {
  Deno.test(name, async () => {
    const response = jsonResponse(value);
    assert.equal(response.headers.get("content-type"), "application/json");
    assert.deepEqual(await response.json(), JSON.parse(JSON.stringify(value)));
  });
}

Deno.test("a large one is written as it is read, and no further", async () => {
  let isAsked = false;
  const value = { first: "x".repeat(LONG), then: { inside: {} } };
  Object.defineProperty(value.then, "late", {
    enumerable: true,
    get: () => {
      isAsked = true;
      return "late";
    },
  });
  const reader = jsonResponse(value).body?.getReader();
  assert((await reader?.read())?.value);
  assert.equal(isAsked, false);
  await reader?.cancel();
});

Deno.test("one that nobody reads is let go of after 15 s, and one that is read slowly is not", () =>
  inFakeTime(async (pass) => {
    const value = { a: "x".repeat(LONG) };
    const [unread, slow] = [jsonResponse(value), jsonResponse(value)];
    const reader = slow.body?.getReader();
    let size = 0;
    for (let piece = await reader?.read(); piece?.value; piece = await reader?.read()) {
      size += piece.value.length;
      await pass(10_000);
    }
    assert.equal(size, JSON.stringify(value).length);
    await assert.rejects(unread.text(), /does not read/);
  }));
