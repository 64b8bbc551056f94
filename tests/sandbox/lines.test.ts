/** Lines are whole wherever their stream is cut, and no more of it is read or held than may be. */
import assert from "node:assert/strict";
import { type LongLine, type Reading, readLines } from "../../supabase/functions/_shared/sandbox/lines.ts";

const MEBIBYTE = 2 ** 20;
const never = new AbortController().signal;

/** A stream of these pieces, and whether it was left before its end. */
function streamOf(pieces: Iterable<Uint8Array<ArrayBuffer>>): {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly pulled: number;
  readonly isLeft: boolean;
} {
  const left = pieces[Symbol.iterator]();
  let pulled = 0;
  let isLeft = false;
  const stream = new ReadableStream({
    type: "bytes",
    pull: (controller) => {
      const { done, value } = left.next();
      if (done) {
        controller.close();
        controller.byobRequest?.respond(0);
      } else {
        pulled += value.length;
        controller.enqueue(value);
      }
    },
    cancel: () => {
      isLeft = true;
    },
  });
  return {
    stream,
    get pulled() {
      return pulled;
    },
    get isLeft() {
      return isLeft;
    },
  };
}

const encoder = new TextEncoder();
const bytesOf = (text: string) => encoder.encode(text);

async function all(
  stream: NonNullable<Response["body"]>,
  reading: Partial<Reading>,
  signal = never,
): Promise<(string | LongLine)[]> {
  return await Array.fromAsync(readLines(stream, signal, { longest: 4 * MEBIBYTE, most: Infinity, ...reading }));
}

Deno.test("a text is the same lines, wherever it is cut", async () => {
  const lines = ["", "a", "é€🐎".repeat(10), "", "x".repeat(1_000), "end"];
  const bytes = bytesOf(lines.join("\n"));
  const expected = lines.filter((line) => line !== "");
  for (const size of [1, 2, 3, 7, 100, bytes.length]) {
    const pieces = Array.from(
      { length: Math.ceil(bytes.length / size) },
      (_, index) => bytes.slice(index * size, (index + 1) * size),
    );
    assert.deepEqual(await all(streamOf(pieces).stream, {}), expected, `in pieces of ${size}`);
  }
});

Deno.test("of a line that is too long its head and its length are known, and the next one is whole", async () => {
  const long = "head" + "x".repeat(300_000);
  const { stream } = streamOf([bytesOf(`before\n${long}\nafter\n${long}`)]);
  const told = { head: long.slice(0, 200), length: long.length };
  assert.deepEqual(await all(stream, { longest: 1_000 }), ["before", told, "after", told]);
});

Deno.test("a line that is not small is held if there is room; each one asks anew, once", async () => {
  const long = "x".repeat(MEBIBYTE);
  const answers = [true, false, true];
  let asked = 0;
  const { stream } = streamOf([bytesOf(`${long}\n`), bytesOf(`${long}\nsmall\n`), bytesOf(`${long}\n`)]);
  const lines = await all(stream, { hasRoom: () => Promise.resolve(answers[asked++] ?? false) });
  assert.deepEqual(lines.map(({ length }) => length), [MEBIBYTE, MEBIBYTE, 5, MEBIBYTE]);
  assert.deepEqual(lines.map((line) => typeof line), ["string", "object", "string", "string"]);
  assert.equal(asked, 3);
});

Deno.test("no more is read than may be; the stream stays open, and unread, until that is taken note of", async () => {
  const endless = function* () {
    for (;;) yield bytesOf(`${"x".repeat(999)}\n`);
  };
  const source = streamOf(endless());
  const noted = Promise.withResolvers<void>();
  const full = Promise.withResolvers<void>();
  const reading = all(source.stream, {
    most: 50_000,
    onFull: () => {
      full.resolve();
      return noted.promise;
    },
  });
  await full.promise;
  const { pulled } = source;
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.deepEqual([source.isLeft, source.pulled], [false, pulled]);
  noted.resolve();
  const lines = await reading;
  assert.equal(source.isLeft, true);
  // Each counts for more than its bytes.
  assert(lines.length > 25 && lines.length < 50, `${lines.length} lines`);
  assert(pulled < 60_000, `${pulled} bytes`);
});

Deno.test("a line that the limit cuts off is told as far as it came", async () => {
  const { stream } = streamOf([bytesOf(`{"type":"stdout","text":"${"x".repeat(100_000)}`)]);
  const [line, ...more] = await all(stream, { most: 50_000 });
  assert.deepEqual(more, []);
  assert(typeof line === "object" && line.length === 50_000 && line.head.startsWith('{"type":"stdout"'));
});

Deno.test("line ends alone are not read without end", async () => {
  let pieces = 0;
  const endless = function* () {
    for (;; pieces++) yield bytesOf("\n".repeat(1_000));
  };
  assert.deepEqual(await all(streamOf(endless()).stream, { most: 100_000 }), []);
  assert(pieces < 10, `${pieces} pieces`);
});

Deno.test("once its signal aborts, it is read no more, and nobody is told that it was too much", async () => {
  const abort = new AbortController();
  const endless = function* () {
    for (;;) yield bytesOf("line\n");
  };
  const source = streamOf(endless());
  let lines = 0;
  for await (
    const _ of readLines(source.stream, abort.signal, { longest: 1_000, most: Infinity, onFull: assert.fail })
  ) {
    if (++lines === 3) abort.abort();
  }
  assert.equal(source.isLeft, true);
});
