/** Which `traceparent` names a trace: the specification's own rules, one by one. */
import assert from "node:assert/strict";
import { readTraceparent } from "../supabase/functions/_shared/trace_context.ts";

const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const parent = "00f067aa0ba902b7";
const known = { traceId: trace, parentId: parent };

const cases: Record<string, [header: string | null, expected: typeof known | undefined]> = {
  "as it should be": [`00-${trace}-${parent}-01`, known],
  "not sampled": [`00-${trace}-${parent}-00`, known],
  "flags that nobody knows yet": [`00-${trace}-${parent}-ff`, known],
  "a later version": [`cc-${trace}-${parent}-01`, known],
  "a later version that says more": [`01-${trace}-${parent}-01-what-the-future-brings`, known],
  "a later version that says more without a dash": [`01-${trace}-${parent}-01.more`, undefined],
  "this version, which says no more": [`00-${trace}-${parent}-01-more`, undefined],
  "this version with a dash at its end": [`00-${trace}-${parent}-01-`, undefined],
  "the version that is none": [`ff-${trace}-${parent}-01`, undefined],
  "capitals": [`00-${trace.toUpperCase()}-${parent}-01`, undefined],
  "a trace of zeros": [`00-${"0".repeat(32)}-${parent}-01`, undefined],
  "a span of zeros": [`00-${trace}-${"0".repeat(16)}-01`, undefined],
  "a short trace": [`00-${trace.slice(1)}-${parent}-01`, undefined],
  "a long span": [`00-${trace}-${parent}0-01`, undefined],
  "no flags": [`00-${trace}-${parent}`, undefined],
  "two headers in one": [`00-${trace}-${parent}-01, 00-${trace}-${parent}-01`, undefined],
  "another line behind it": [`00-${trace}-${parent}-01\n`, undefined],
  "nothing": ["", undefined],
  "no header": [null, undefined],
};

for (const [name, [header, expected]] of Object.entries(cases)) {
  Deno.test(`traceparent: ${name}`, () => assert.deepEqual(readTraceparent(header), expected));
}
