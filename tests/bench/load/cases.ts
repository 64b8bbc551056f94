/** What code may do to the function that runs it: the worst of each kind. */
import { RESULT_VALUES } from "../../../supabase/functions/_shared/sandbox/kernel.ts";

export interface Case {
  /** What the kernel says of the run, besides that it begins and ends. */
  readonly says: () => Iterable<string>;
  /** What the request has besides its path. */
  readonly body?: Record<string, unknown>;
  /** How many requests come at the same time; 1. */
  readonly atOnce?: number;
  /** How often that is done, one after the other; 1. */
  readonly times?: number;
  /** Whether the answer is a stream. */
  readonly isStreamed?: boolean;
}

const MEBIBYTE = 2 ** 20;
const TIMESTAMP = '"timestamp":"2026-11-24T00:00:00.000000+00:00"';

const said = (type: string, text: string) => `{"type":"${type}","text":"${text}",${TIMESTAMP}}\n`;
const result = (json: string) => `{"type":"result","is_main_result":true,${json}}\n`;

/** The same again, without end, in pieces of at least 64 KiB. */
const endless = (piece: string) => () => {
  const large = piece.repeat(Math.ceil(64 * 1024 / piece.length));
  return function* () {
    for (;;) yield large;
  }();
};
const once = (line: string) => () => [line];

const files = [{ path: "in", content_base64: "eHh4".repeat(5 * MEBIBYTE / 3 - 1) }];
const outputs = ["a", "b"];
/** As long a list of such items as is kept, by its length or by its values, of which each item is so many. */
const longest = (item: string, values: number) => {
  const count = Math.floor(Math.min((4 * MEBIBYTE - 200) / (item.length + 1), (RESULT_VALUES - 10) / values));
  return result(`"json":[${Array(count).fill(item).join()}]`);
};
const html = result(`"html":"${"x".repeat(4 * MEBIBYTE - 200)}"`);
const maximal = { says: once(html), body: { files, outputs } };

export const CASES: Readonly<Record<string, Case>> = {
  "a small run": { says: once(said("stdout", "1\\n")) },
  "a flood of short lines": { says: endless(said("stdout", "x".repeat(79) + "\\n")) },
  "a flood of short lines, streamed": { says: endless(said("stdout", "x".repeat(79) + "\\n")), isStreamed: true },
  "a flood of pieces of a character": { says: endless(said("stdout", "x") + said("stderr", "x")) },
  "a flood of pieces of a character, streamed": {
    says: endless(said("stdout", "x") + said("stderr", "x")),
    isStreamed: true,
  },
  "a flood of long lines": { says: endless(said("stdout", "x".repeat(64 * 1024))) },
  "a flood of escaped text": { says: endless(said("stdout", "\\u00e9\\u20ac".repeat(8 * 1024))) },
  "a flood of line ends": { says: endless(said("stdout", "\\n".repeat(32 * 1024))) },
  "a flood of text as it is": { says: endless(said("stdout", "é€".repeat(8 * 1024))) },
  "one line without end": {
    says: function* () {
      yield '{"type":"stdout","text":"';
      yield* endless("x".repeat(64 * 1024))();
    },
  },
  "results without end": { says: endless(result('"text":"1"')) },
  "results without end, streamed": { says: endless(result('"text":"1"')), isStreamed: true },
  "results of 100 kB without end": { says: endless(result(`"png":"${"x".repeat(100_000)}"`)) },
  "the largest result": { says: once(html) },
  "the largest result, escaped": { says: once(result(`"html":"${"\\u20ac".repeat((4 * MEBIBYTE - 200) / 6)}"`)) },
  "the largest result, as it is": { says: once(result(`"html":"${"€".repeat((4 * MEBIBYTE - 200) / 3)}"`)) },
  "the largest result, of numbers": { says: once(longest("1.5", 1)) },
  "the largest result, of texts": { says: once(longest('"ab"', 1)) },
  "the largest result, of lists": { says: once(longest("[]", 2)) },
  "the largest result, of objects": { says: once(longest('{"a":{}}', 3)) },
  "a traceback of 4 MB": {
    says: once(
      `{"type":"error","name":"E","value":"v","traceback":"${"\\u001b[0m ".repeat(4 * MEBIBYTE / 10 - 100)}"}\n`,
    ),
  },
  "errors without end": { says: endless('{"type":"error","name":"E","value":"v","traceback":"t"}\n') },
  "messages of no known type without end": { says: endless('{"type":"x"}\n') },
  "empty lines without end": { says: endless("\n") },
  "5 MB of files in, 4 MB out": { says: () => [], body: { files, outputs } },
  "all of it": maximal,
  "all of it, streamed": { ...maximal, isStreamed: true },
  "all of it, with a key": { ...maximal, body: { ...maximal.body, idempotency_key: "key" } },
  "all of it, five at once": { ...maximal, atOnce: 5 },
  "all of it, streamed, five at once": { ...maximal, isStreamed: true, atOnce: 5 },
  "all of it, with keys, five at once": { ...maximal, body: { ...maximal.body, idempotency_key: "key" }, atOnce: 5 },
  "all of it, ten times": { ...maximal, times: 10 },
  "all of it, with a key, ten times": { ...maximal, body: { ...maximal.body, idempotency_key: "key" }, times: 10 },
  "ten floods at once": { says: endless(said("stdout", "x".repeat(79) + "\\n")), atOnce: 10 },
};
