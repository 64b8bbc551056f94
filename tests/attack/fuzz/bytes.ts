/** Bodies that are no JSON, or no text. */
import type { Random } from "../../guarantee/chaos/random.ts";
import { oneOf } from "./values.ts";

const encoder = new TextEncoder();
/** Cut off in a character, too long for its character, half of a pair, beyond Unicode, and never in UTF-8. */
const BROKEN = [[0xe2, 0x82], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xff], [0xfe, 0xff]];
const OTHER = [
  ...["", " ", "null", "true", "1", '"text"', "[]", "[[]]", "{", "}", "{]", "NaN", "undefined", "{'a':1}", "{a:1}"],
  ...['{"a":1}{"a":1}', '{"a":1,}', '{"a":1}// comment', '{"a":01}', '{"a":.5}', '{"a":"\n"}', '{"a":"\\x"}'],
  ...[
    '\ufeff{"a":1}',
    "<xml/>",
    "a=1&b=2",
    '{"a":"\\u12"}',
    "\0",
    '\0{"a":1}',
    "--b\r\nContent-Disposition: form-data",
  ],
];

/** Makes bytes of a body that a function would take. */
export function brokenBytes(random: Random, body: string): Uint8Array<ArrayBuffer> {
  const whole = encoder.encode(body);
  const at = random.between(0, whole.length);
  return random.pick<() => Uint8Array<ArrayBuffer>>([
    [4, () => encoder.encode(oneOf(random, OTHER))],
    [3, () => whole.slice(0, at)],
    [3, () => joined(whole.subarray(0, at), Uint8Array.from(oneOf(random, BROKEN)), whole.subarray(at))],
    [2, () => noise(random, random.between(1, 2_000))],
    [1, () => Uint8Array.from([...body].flatMap((character) => [character.charCodeAt(0) & 0xff, 0]))],
    [1, () => joined(whole, noise(random, 10))],
    [1, () => encoder.encode(" ".repeat(random.between(1, 100_000)) + body)],
    [1, () => encoder.encode("[".repeat(random.between(1, 50_000)))],
    [1, () => encoder.encode(`${'{"a":'.repeat(random.between(1, 20_000))}1`)],
  ])();
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function noise(random: Random, length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, () => random.between(0, 255));
}
