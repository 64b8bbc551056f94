/** What is left unread of a flood of output is counted as if it had been read. */
import assert from "node:assert/strict";
import { Transcript } from "../../supabase/functions/_shared/executions/transcript.ts";
import { EscapedText } from "../../supabase/functions/_shared/sandbox/escaped_text.ts";
import { run } from "../../supabase/functions/_shared/sandbox/kernel.ts";

/** As Python's `json.dumps` writes it. */
function ascii(text: string): string {
  return JSON.stringify(text)
    .replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).slice(1, -1);
}

const texts = [
  "",
  "plain",
  "\\",
  "\\\\",
  '"\\"',
  "line\nline\r\n\ttab",
  "\\n is no line end, \\\n is one behind a backslash, \\u0041 is no A",
  "é € 🐎 \u0000 \u007f",
  "🐎".repeat(50) + "\\".repeat(51) + "\u0001".repeat(52),
];

Deno.test("its length, its bytes and its tail, wherever it is cut", () => {
  for (const text of [...texts, texts.join("")]) {
    const escaped = new EscapedText(ascii(text));
    assert.equal(escaped.toString(), text);
    assert.deepEqual(escaped.measure(), { characters: text.length, bytes: new TextEncoder().encode(text).length });
    for (let most = 0; most <= text.length + 1; most++) {
      const tail = escaped.tail(most);
      assert(text.endsWith(tail) && tail.length >= Math.min(most, text.length), `${JSON.stringify(text)}, ${most}`);
    }
  }
});

Deno.test("a transcript is the same, read or unread", async () => {
  const lines = Array.from({ length: 400 }, (_, index) => texts[index % texts.length] + "x".repeat(index));
  const transcripts = [true, false].map(async (isAscii) => {
    const body = lines.map((text, index) =>
      isAscii
        ? `{"type":"${index % 3 ? "stdout" : "stderr"}","text":"${ascii(text)}","timestamp":"2026-11-24T00:00:00Z"}\n`
        : `${JSON.stringify({ timestamp: "", text, type: index % 3 ? "stdout" : "stderr" })}\n`
    ).join("") + '{"type":"end_of_execution"}\n';
    let told = "";
    const transcript = new Transcript((event) => {
      told += JSON.stringify(event);
      return Promise.resolve();
    }, () =>
      Promise.resolve(true));
    const kernel = {
      execute: () => Promise.resolve(new Response(new Blob([body]).stream())),
    };
    const never = new AbortController().signal;
    await run(kernel, { code: "", language: "python" }, never, (said) => transcript.take(said), { most: Infinity });
    await transcript.close();
    return { told, bytes: transcript.bytes, ...transcript.execution(null) };
  });
  const [unread, read] = await Promise.all(transcripts);
  assert.deepEqual(unread, read);
  assert(read.truncated && read.truncated.stdout > 10_000 && read.truncated.stderr > 1_000);
});
